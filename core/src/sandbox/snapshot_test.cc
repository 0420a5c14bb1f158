// Save and restore.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "shoji/plugin/hypervisor_state.h"
#include "testing/pod_test.h"

namespace shoji {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SnapshotTest : public testing::PodTest {
 protected:
  std::string Snapshot() const { return dir_.path() + "/snapshot"; }
  // The fake hypervisor saves a VM with a share, too.
  void SaveAndDelete() {
    auto pod = management_.Run(Pod());
    ASSERT_TRUE(pod.ok()) << pod.status().message();
    ASSERT_TRUE((*pod)->PauseContainer("two").ok());
    const Status saved = (*pod)->Save(Snapshot());
    ASSERT_TRUE(saved.ok()) << saved.message();
    ASSERT_TRUE((*pod)->Delete().ok());
    ExpectNothingLeft();
  }
};

TEST_F(SnapshotTest, ContainersGoOnUnderAnotherName) {
  SaveAndDelete();
  EXPECT_THAT(*ListDir(Snapshot()), ElementsAre("sandbox.json", "vm"));
  const int reseeded = world_.Count("agent.reseed_random");
  auto pod = management_.Restore("other", Snapshot());
  ASSERT_TRUE(pod.ok()) << pod.status().message();
  EXPECT_EQ(world_.Noted("vm.restore"), "other shares=1");
  EXPECT_EQ(world_.Noted("proxy.start"), "other unix://" + SandboxDir("other") + "/vm/kata.sock");
  EXPECT_EQ(world_.Count("agent.reseed_random"), reseeded + 1);
  auto status = management_.GetStatus("other");
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(status->state, State::kRunning);
  EXPECT_EQ(status->owner_pid, getpid());
  ASSERT_EQ(status->containers.size(), 2U);
  EXPECT_EQ(status->containers[0].state, State::kRunning);
  EXPECT_EQ(status->containers[1].state, State::kPaused);
  EXPECT_EQ(*management_.SandboxOf("one"), "other");
  world_.EndProcess("one", "one");
  EXPECT_EQ(*(*pod)->WaitProcess({"one", "one"}), 7);
  // Its own record: another process finds it, and it can be started again.
  const auto context = testing::MakeFakeContext(world_);
  ASSERT_TRUE(Management(context).Stop("other", true).ok());
  ASSERT_TRUE((*pod)->Start().ok());
  ASSERT_TRUE((*pod)->Delete().ok());
  ExpectNothingLeft();
  EXPECT_THAT(*ListDir(Snapshot()), ElementsAre("sandbox.json", "vm"));
}

TEST_F(SnapshotTest, SavingLeavesTheStateAsItWas) {
  auto pod = management_.Run(Pod());
  ASSERT_TRUE(pod.ok());
  ASSERT_EQ(mkdir(Snapshot().c_str(), 0700), 0);  // empty is as good as missing
  ASSERT_TRUE((*pod)->Save(Snapshot()).ok());
  EXPECT_EQ(StateOfPod(), State::kRunning);
  EXPECT_EQ(world_.Count("vm.resume"), 1);
  ASSERT_TRUE((*pod)->Pause().ok());
  ASSERT_TRUE((*pod)->Save(Snapshot() + "2").ok());
  EXPECT_EQ(StateOfPod(), State::kPaused);
  EXPECT_EQ(world_.Count("vm.resume"), 1);
  ASSERT_TRUE((*pod)->Delete().ok());
}

TEST_F(SnapshotTest, AFailedSaveLeavesTheDirectoryAsItWas) {
  auto pod = management_.Run(Pod());
  ASSERT_TRUE(pod.ok());
  for (const char* slot : {"vm.pause", "vm.save"}) {
    world_.FailAt(slot);
    EXPECT_FALSE((*pod)->Save(Snapshot()).ok());
    world_.Heal();
    EXPECT_FALSE(PathExists(Snapshot())) << slot;
    EXPECT_EQ(StateOfPod(), State::kRunning);
  }
  ASSERT_TRUE(MakeDirs(Snapshot()).ok());
  world_.Without(SHOJI_HYPERVISOR_SNAPSHOT_V1);
  EXPECT_EQ((*pod)->Save(Snapshot()).code(), StatusCode::kUnimplemented);
  world_.Heal();
  EXPECT_TRUE(ListDir(Snapshot())->empty());
  ASSERT_TRUE(WriteFile(Snapshot() + "/mine", "").ok());
  const Status full = (*pod)->Save(Snapshot());
  EXPECT_EQ(full.code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(full.message(), HasSubstr("is not empty, it has \"mine\""));
  EXPECT_EQ((*pod)->Save("here").code(), StatusCode::kInvalidArgument);
  EXPECT_EQ((*pod)->Save(dir_.path() + "/no/such").code(), StatusCode::kNotFound);
  EXPECT_EQ(StateOfPod(), State::kRunning);
  ASSERT_TRUE((*pod)->Delete().ok());
}

TEST_F(SnapshotTest, EveryFailureOfRestoreLeavesNothing) {
  SaveAndDelete();
  for (const char* slot :
       {"hypervisor.open", "vm.create", "vm.restore", "vm.agent_endpoint", "proxy.start",
        "agent.open", "vm.save_state", "vm.pids", "proxy.save_state", "vm.resume", "agent.check",
        "agent.set_time", "agent.reseed_random", "shim.open", "proxy.info", "shim.start",
        "store.apply", "store.save"}) {
    SCOPED_TRACE(slot);
    const auto context = testing::MakeFakeContext(world_);
    world_.FailAt(slot);
    const auto pod = Management(context).Restore("other", Snapshot());
    EXPECT_FALSE(pod.ok());
    EXPECT_THAT(pod.status().message(), HasSubstr("scripted failure"));
    world_.Heal();
    ExpectNothingLeft();
  }
}

TEST_F(SnapshotTest, NamesMustBeFree) {
  SaveAndDelete();
  auto first = management_.Restore("other", Snapshot());
  ASSERT_TRUE(first.ok()) << first.status().message();
  EXPECT_EQ(management_.Restore("other", Snapshot()).status().code(), StatusCode::kAlreadyExists);
  const auto clash = management_.Restore("third", Snapshot());
  EXPECT_EQ(clash.status().code(), StatusCode::kAlreadyExists);
  EXPECT_THAT(clash.status().message(), HasSubstr("\"one\""));
  EXPECT_EQ(management_.Restore("a/b", Snapshot()).status().code(), StatusCode::kInvalidArgument);
  ASSERT_TRUE((*first)->Delete().ok());
  ExpectNothingLeft();
}

TEST_F(SnapshotTest, WhatIsMissingIsNamed) {
  SaveAndDelete();
  const auto restore = [&] { return management_.Restore("other", Snapshot()).status(); };
  EXPECT_EQ(management_.Restore("other", "here").status().code(), StatusCode::kInvalidArgument);
  ASSERT_TRUE(RemoveFile(Snapshot() + "/vm/memory").ok());
  EXPECT_EQ(restore().code(), StatusCode::kDataLoss);
  EXPECT_THAT(restore().message(), HasSubstr("no memory file"));
  ASSERT_TRUE(RemoveTree(Snapshot() + "/vm").ok());
  EXPECT_THAT(restore().message(), HasSubstr("it has no directory vm"));
  ASSERT_TRUE(WriteFile(Snapshot() + "/sandbox.json", "{\"schema\": 2").ok());
  EXPECT_EQ(restore().code(), StatusCode::kDataLoss);
  ASSERT_TRUE(RemoveFile(Snapshot() + "/sandbox.json").ok());
  EXPECT_EQ(restore().code(), StatusCode::kDataLoss);
  EXPECT_THAT(restore().message(), HasSubstr("is incomplete"));
  ExpectNothingLeft();
}

}  // namespace
}  // namespace shoji
