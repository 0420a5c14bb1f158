// What the parts of the API benchmark share.
//
// Threads  One.
// Example  World world("process");  PrintRow("StatusSandbox", Sample(50, [&] { ... }));
#ifndef SHOJI_BENCHMARKS_API_BENCH_H_
#define SHOJI_BENCHMARKS_API_BENCH_H_

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "shoji/runtime.h"

namespace shoji::api_benchmark {

// A Runtime on a state directory of its own, removed in the end.
class World {
 public:
  explicit World(const std::string& hypervisor, std::function<void(const Span&)> on_span = {});
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  Runtime& runtime() { return *runtime_; }
  const std::string& root() const { return root_; }
  static ContainerConfig Container(const std::string& id, const std::string& script);
  static SandboxConfig Pod(const std::string& id, std::vector<ContainerConfig> containers = {});
  // A new file of one MiB.
  std::string Image(const std::string& name) const;

 private:
  std::string root_;
  std::unique_ptr<Runtime> runtime_;
};

// Ends the program with the message of what failed, for half a table is no result; thrown, so
// that the World goes first.
inline void Need(const Status& status) {
  if (!status.ok()) throw std::runtime_error(status.message());
}
template <typename T>
T Need(Result<T> result) {
  if (!result.ok()) Need(result.status());
  return std::move(*result);
}

inline double MillisecondsOf(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
      .count();
}

inline double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

inline std::vector<double> Sample(int runs, const std::function<void()>& work) {
  std::vector<double> out;
  for (int i = 0; i < runs; ++i) out.push_back(MillisecondsOf(work));
  return out;
}

inline void PrintRow(const std::string& name, const std::vector<double>& ms) {
  printf("%-28s %9.3f %9.3f %6zu\n", name.c_str(), Median(ms),
         *std::min_element(ms.begin(), ms.end()), ms.size());
}

// calls.cc
void MeasureCalls(const std::string& hypervisor, int runs);
void MeasureStages(int runs);
// scale.cc
void MeasureDevices(const std::string& hypervisor, int runs);
void MeasureRecords(int runs);
void MeasureMemory(const std::string& hypervisor, int sandboxes);

}  // namespace shoji::api_benchmark

#endif  // SHOJI_BENCHMARKS_API_BENCH_H_
