// A sandbox "pod" with the containers "one" and "two" over fake plugins.
//
// Threads  As a test fixture.
// Example  class PauseTest : public testing::PodTest {};
#ifndef SHOJI_CORE_TESTING_POD_TEST_H_
#define SHOJI_CORE_TESTING_POD_TEST_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "gc/processes.h"
#include "host/mount.h"
#include "sandbox/management.h"
#include "shoji/base/file.h"
#include "testing/fake_plugins.h"

namespace shoji::testing {

inline const bool kInNamespace = EnterMountNamespace();

class PodTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(kInNamespace) << "needs root: a mount namespace of its own";
    ASSERT_TRUE(MakeDirs(rootfs() + "/etc").ok());
  }
  // A test that leaves a process is told so itself, not the whole run at its end.
  void TearDown() override {
    context_->ForgetAll();
    const auto marked = MarkedProcesses();
    ASSERT_TRUE(marked.ok());
    for (const auto& [dir, processes] : *marked) {
      if (dir.compare(0, world_.root().size(), world_.root()) != 0) continue;
      ADD_FAILURE() << processes.size() << " processes of " << dir << " are left";
      EXPECT_TRUE(KillMarkedProcesses(dir).ok());
    }
  }

  std::string rootfs() const { return dir_.path() + "/rootfs"; }
  std::string SandboxDir(const std::string& id = "pod") const {
    return world_.root() + "/sandboxes/" + id;
  }
  ContainerConfig Container(const std::string& id) const {
    ContainerConfig config;
    config.id = id;
    config.rootfs.source = rootfs();
    config.cmd.args = {"/bin/true"};
    return config;
  }
  SandboxConfig Pod() const {
    SandboxConfig config;
    config.id = "pod";
    config.containers = {Container("one"), Container("two")};
    return config;
  }
  State StateOfPod() {
    const auto pod = management_.GetStatus("pod");
    EXPECT_TRUE(pod.ok()) << pod.status().message();
    return pod.ok() ? pod->state : State::kStopped;
  }
  State StateOf(const std::string& container) {
    const auto pod = management_.GetStatus("pod");
    EXPECT_TRUE(pod.ok()) << pod.status().message();
    for (const ContainerStatus& status :
         pod.ok() ? pod->containers : std::vector<ContainerStatus>()) {
      if (status.id == container) return status.state;
    }
    ADD_FAILURE() << "no container " << container;
    return State::kStopped;
  }
  // Nothing is left: no process, mount, directory, record or handle.
  void ExpectNothingLeft() {
    const auto marked = MarkedProcesses();
    ASSERT_TRUE(marked.ok());
    for (const auto& [dir, processes] : *marked) {
      EXPECT_NE(dir.compare(0, world_.root().size(), world_.root()), 0) << dir;
    }
    EXPECT_TRUE(MountsBelow(world_.root())->empty());
    EXPECT_TRUE(ListDir(world_.root() + "/sandboxes")->empty());
    EXPECT_TRUE(ListDir(dir_.path() + "/store")->empty());
    for (const char* kind : {"vm", "proxy", "agent", "shim"}) EXPECT_EQ(world_.Live(kind), 0);
  }

  TempDir dir_;
  FakeWorld world_{dir_.path()};
  std::shared_ptr<Context> context_ = MakeFakeContext(world_);
  Management management_{context_};
};

}  // namespace shoji::testing

#endif  // SHOJI_CORE_TESTING_POD_TEST_H_
