#include "stage_report.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "shoji/base/deadline.h"
#include "shoji/base/file.h"

namespace shoji::cli {
namespace {

double Milliseconds(std::int64_t ns) { return static_cast<double>(ns) / 1e6; }

// What is under way once a stage has ended.
std::string StageAfter(const std::string& finished) {
  if (finished == "vm.process") return "waiting for the VM monitor";
  if (finished == "vm.qmp") return "booting the guest";
  if (finished == "guest.boot") return "preparing the sandbox";
  if (finished == "sandbox.create") return "making the container";
  if (finished == "container.create") return "starting the container";
  return {};
}

}  // namespace

StageReport::StageReport(bool progress) : begin_ns_(Deadline::NowNanos()), progress_(progress) {
  MutexLock lock(mutex_);
  Show("starting the VM");
}

StageReport::~StageReport() { EndProgress(); }

void StageReport::Add(const Span& span) {
  MutexLock lock(mutex_);
  spans_.push_back(span);
  Show(StageAfter(span.name));
}

void StageReport::Show(const std::string& stage) {
  if (progress_ && !stage.empty()) fprintf(stderr, "\r\033[Kshoji: %s ...", stage.c_str());
}

void StageReport::EndProgress() {
  MutexLock lock(mutex_);
  if (progress_) fputs("\r\033[K", stderr);
  progress_ = false;
}

std::vector<Span> StageReport::Sorted() const {
  MutexLock lock(mutex_);
  std::vector<Span> spans = spans_;
  std::stable_sort(spans.begin(), spans.end(),
                   [](const Span& a, const Span& b) { return a.begin_ns < b.begin_ns; });
  return spans;
}

void StageReport::PrintTable() const {
  fprintf(stderr, "%-18s %10s %10s\n", "STAGE", "BEGIN ms", "TOOK ms");
  for (const Span& span : Sorted()) {
    fprintf(stderr, "%-18s %10.1f %10.1f\n", span.name.c_str(),
            Milliseconds(span.begin_ns - begin_ns_), Milliseconds(span.end_ns - span.begin_ns));
  }
  fprintf(stderr, "%-18s %10s %10.1f\n", "total", "",
          Milliseconds(Deadline::NowNanos() - begin_ns_));
}

Status StageReport::WriteJson(const std::string& path) const {
  nlohmann::json stages = nlohmann::json::array();
  for (const Span& span : Sorted()) {
    stages.push_back({{"name", span.name},
                      {"begin_ms", Milliseconds(span.begin_ns - begin_ns_)},
                      {"duration_ms", Milliseconds(span.end_ns - span.begin_ns)}});
  }
  const nlohmann::json out = {{"total_ms", Milliseconds(Deadline::NowNanos() - begin_ns_)},
                              {"stages", std::move(stages)}};
  return WriteFile(path, out.dump(2) + "\n");
}

}  // namespace shoji::cli
