// What the tests of the public API share: a state directory, Runtimes on it, and a look at
// what is left afterwards.
//
// Purpose  The tests use nothing but the installed headers and the plugins of the build tree.
//          They run on the hypervisor that SHOJI_API_HYPERVISOR names, so that each is true of
//          `process` (milliseconds) and of real QEMU guests.
// Threads  One.
// Example  Bed bed;  auto runtime = bed.NewRuntime();  runtime->RunSandbox(bed.Pod("web"));
#ifndef SHOJI_TESTS_API_BED_H_
#define SHOJI_TESTS_API_BED_H_

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "shoji/runtime.h"

namespace shoji::api_test {

using Overrides = std::vector<std::pair<std::string, std::string>>;

class Bed {
 public:
  Bed();
  // Fails the test when something of ours is left, and removes it.
  ~Bed();
  Bed(const Bed&) = delete;
  Bed& operator=(const Bed&) = delete;

  static std::string Hypervisor();  // "process" or "qemu"
  static bool OnQemu() { return Hypervisor() == "qemu"; }

  // Several on one state directory are as several processes to each other, but for their pid.
  std::unique_ptr<Runtime> NewRuntime(const Overrides& more = {}) const {
    return RuntimeAt(root_, more);
  }
  // The same on the root() of a Bed, which may be another process'.
  static std::unique_ptr<Runtime> RuntimeAt(const std::string& root, const Overrides& more = {});

  static std::string SampleRootfs();
  const std::string& root() const { return root_; }
  std::string Path(const std::string& name) const { return root_ + "/files/" + name; }
  // A file of the host with this content, below files/.
  std::string MakeFile(const std::string& name, const std::string& content) const;

  // A container of the tree's busybox that runs `script` with sh. Its root file system is
  // read-only, so containers may share it.
  static ContainerConfig Container(const std::string& id, const std::string& script);
  static SandboxConfig Pod(const std::string& id, std::vector<ContainerConfig> containers = {});

  // What of ours there is now: processes, mounts, directories, records. One line each.
  std::vector<std::string> Leftovers() const;

 private:
  std::string root_;
};

// A script that goes on until it is told to end.
inline constexpr const char* kIdle = "trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done";

inline Cmd Command(std::vector<std::string> args) {
  Cmd cmd;
  cmd.args = std::move(args);
  return cmd;
}

// Kills it and waits until it is gone.
void KillAndWait(pid_t pid);

// Everything a process writes until it ends. `stream` is 1 or 2.
std::string ReadAll(Sandbox& sandbox, const std::string& container, const std::string& process,
                    int stream = 1);
// Runs `script` in a running container: what it wrote to stdout, and fails the test unless it
// ended with `status`.
std::string Exec(Sandbox& sandbox, const std::string& container, const std::string& script,
                 int status = 0);

// The whole number of something of this process and its children, for comparisons.
struct Census {
  std::size_t fds = 0;
  std::size_t threads = 0;
  std::size_t mounts = 0;
  std::size_t cgroups = 0;
  std::size_t namespaces = 0;  // network namespaces of the marked processes
  std::size_t marked_processes = 0;
  std::size_t resident_kib = 0;
};
Census TakeCensus(const std::string& root);

// Fails the test with the status' message; for ASSERT_TRUE(Ok(...)).
template <typename T>
::testing::AssertionResult Ok(const T& result) {
  if (result.ok()) return ::testing::AssertionSuccess();
  if constexpr (std::is_same_v<T, Status>) {
    return ::testing::AssertionFailure() << result.message();
  } else {
    return ::testing::AssertionFailure() << result.status().message();
  }
}

// Code and, in its message, every one of `words`.
::testing::AssertionResult Fails(const Status& status, StatusCode code,
                                 const std::vector<std::string>& words = {});
template <typename T>
::testing::AssertionResult Fails(const Result<T>& result, StatusCode code,
                                 const std::vector<std::string>& words = {}) {
  if (result.ok()) return ::testing::AssertionFailure() << "it succeeded";
  return Fails(result.status(), code, words);
}

}  // namespace shoji::api_test

#endif  // SHOJI_TESTS_API_BED_H_
