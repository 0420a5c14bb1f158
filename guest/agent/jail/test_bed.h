// What the tests of containers share: a world of their own and a small root file system.
//
// Purpose  The test program runs in fresh mount, pid, network and ipc namespaces, as pid 1
//          like the agent, over a tmpfs: nothing it does can outlive it. Each test checks that
//          it left no process, descriptor, mount or cgroup.
// Threads  One.
// Example
//     class FooTest : public Bed {};
//     TEST_F(FooTest, Works) { EXPECT_EQ(Run({"echo", "hi"}).out, "hi\n"); }
#ifndef SHOJI_GUEST_AGENT_JAIL_TEST_BED_H_
#define SHOJI_GUEST_AGENT_JAIL_TEST_BED_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "jail/container.h"

namespace shoji::jail {

struct Outcome {
  Status status;  // of Create or Start
  std::string out;
  std::string err;
  int code = -1;   // exit code
  int signal = 0;  // that ended it
};

class Bed : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  // A specification as container engines write it: the usual mounts, all capabilities of
  // the default list, a new root file system.
  grpc::Spec Spec(const std::vector<std::string>& args);
  grpc::Mount* AddMount(grpc::Spec* spec, const std::string& destination, const std::string& type,
                        const std::string& source, const std::vector<std::string>& options);

  Result<Container::Made> Create(const grpc::Spec& spec);
  // Create, start, read to the end, reap, destroy.
  Outcome Run(const grpc::Spec& spec);
  Outcome Run(const std::vector<std::string>& args) { return Run(Spec(args)); }
  Outcome Shell(const std::string& script) { return Run({"sh", "-c", script}); }
  Outcome Shell(grpc::Spec spec, const std::string& script);

  // Reads a process to its end and reaps it.
  static Outcome Finish(Process process);
  static int Reap(pid_t pid);  // wait status
  // Kills, reaps and destroys, as the agent does.
  static void End(Container::Made& made);

  std::string rootfs() const { return rootfs_; }
  std::string dir() const { return dir_; }
  Environment environment_;

 private:
  std::string dir_;
  std::string rootfs_;
  std::vector<std::string> before_;
  int next_id_ = 0;
};

// Everything that could leak: open descriptors, mounts, processes, cgroups.
std::vector<std::string> Belongings(const std::string& cgroup_root);

std::string ReadText(const std::string& path);
void WriteText(const std::string& path, const std::string& text, unsigned mode = 0644);

}  // namespace shoji::jail

#endif  // SHOJI_GUEST_AGENT_JAIL_TEST_BED_H_
