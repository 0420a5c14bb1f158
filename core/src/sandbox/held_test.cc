// Sandboxes whose VM was made before them, and VMs that wait for a sandbox.
#include "sandbox/held.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include "host/lock.h"
#include "sandbox/factories.h"
#include "shoji/spawn/spawn.h"
#include "testing/pod_test.h"

namespace shoji {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;

class HeldTest : public testing::PodTest {
 protected:
  void SetUp() override {
    PodTest::SetUp();
    world_.use_held(true);
  }
  std::string Factory(const std::string& name) const { return world_.root() + "/factory/" + name; }
  std::string Held() const { return SandboxDir() + "/held/held-1"; }
  // A VM that waits: its process carries the mark.
  Child Wait(const std::string& id) const {
    EXPECT_TRUE(MakeDirs(Factory(id)).ok());
    SpawnOptions options;
    options.argv = {"/bin/sleep", "1000"};
    options.env = {"SHOJI_SANDBOX_DIR=" + Factory(id)};
    auto child = Spawn(options);
    EXPECT_TRUE(child.ok());
    return std::move(*child);
  }
};

TEST_F(HeldTest, TheGuestSeesWhatIsMountedInTheSandbox) {
  ASSERT_TRUE(WriteFile(rootfs() + "/etc/name", "busybox").ok());
  auto pod = management_.Create(Pod());
  ASSERT_TRUE(pod.ok()) << pod.status().message();
  EXPECT_EQ(*ReadFile(Held() + "/share/one/rootfs/etc/name"), "busybox");
  ASSERT_TRUE((*pod)->CreateContainer(Container("late")).ok());
  EXPECT_EQ(*ReadFile(Held() + "/share/late/rootfs/etc/name"), "busybox");
  ASSERT_TRUE((*pod)->DeleteContainer("late").ok());
  EXPECT_FALSE(PathExists(Held() + "/share/late"));
  ASSERT_TRUE((*pod)->Start().ok());
  ASSERT_TRUE((*pod)->Stop(true).ok());
  EXPECT_FALSE(PathExists(Factory("held-1")));
  EXPECT_FALSE(PathExists(SandboxDir() + "/held"));
  ASSERT_TRUE((*pod)->Start().ok());  // with the next one
  EXPECT_EQ(*ReadFile(Held() + "/share/two/rootfs/etc/name"), "busybox");
  ASSERT_TRUE((*pod)->Delete().ok());
  EXPECT_FALSE(PathExists(Factory("held-1")));
  ExpectNothingLeft();
}

TEST_F(HeldTest, AFailureLeavesNothing) {
  for (const char* const slot :
       {"vm.save_state", "agent.create_sandbox", "agent.create_container"}) {
    world_.FailAt(slot);
    EXPECT_FALSE(management_.Create(Pod()).ok()) << slot;
    EXPECT_FALSE(PathExists(Factory("held-1"))) << slot;
    ExpectNothingLeft();
    world_.Heal();
  }
}

TEST_F(HeldTest, AProcessOfAVmThatItsSandboxNeverKnewIsKilled) {
  auto pod = management_.Create(Pod());
  ASSERT_TRUE(pod.ok()) << pod.status().message();
  Child stray = Wait("held-1");
  ASSERT_TRUE((*pod)->Delete().ok());
  ASSERT_TRUE(stray.Wait(Deadline::After(std::chrono::seconds(10))).ok());
  ExpectNothingLeft();
}

TEST_F(HeldTest, WhoWaitsIsCollectedWhenItsKeeperIsGone) {
  ASSERT_TRUE(management_.List().ok());
  Child kept = Wait("held-kept");
  Child left = Wait("held-left");
  ASSERT_EQ(symlink("/nowhere", Factory("held-gone").c_str()), 0);
  const auto keeper =
      FileLock::TryAcquire(Factory("held-kept") + "/owner", LockMode::kExclusive, "");
  ASSERT_TRUE(keeper.ok());
  const auto dry = management_.CollectGarbage(true);
  const auto report = management_.CollectGarbage(false);
  ASSERT_TRUE(dry.ok() && report.ok());
  EXPECT_EQ(dry->items.size(), report->items.size());
  for (const auto& item : report->items) EXPECT_TRUE(item.removed) << item.name << item.error;
  EXPECT_TRUE(left.Wait(Deadline::After(std::chrono::seconds(10))).ok());
  EXPECT_THAT(*ListDir(world_.root() + "/factory"), ::testing::ElementsAre("held-kept"));
  EXPECT_EQ(kill(kept.pid(), 0), 0);
  EXPECT_TRUE(kept.Kill().ok());
}

// What the maker of a template had begun on the shelf.
TEST_F(HeldTest, WhatADeadMakerHadBegunElsewhereIsCollected) {
  ASSERT_TRUE(management_.List().ok());
  const std::string shelf = dir_.path() + "/shelf";
  for (const char* const name : {"left", "again", "whole"}) {
    const bool finished = name == std::string("whole");
    const std::string begun = shelf + "/" + name + (finished ? "" : ".new");
    ASSERT_TRUE(MakeDirs(begun + "/state").ok());
    ASSERT_TRUE(WriteFile(begun + "/memory", "m").ok());
    ASSERT_TRUE(MakeDirs(Factory("template-" + std::string(name))).ok());
    ASSERT_TRUE(WriteFile(Factory("template-" + std::string(name)) + "/begun", begun).ok());
  }
  ASSERT_TRUE(WriteFile(shelf + "/left.lock", "").ok());
  // Somebody else makes the same again, and has its lock.
  const auto other = FileLock::TryAcquire(shelf + "/again.lock", LockMode::kExclusive, "");
  ASSERT_TRUE(other.ok());
  const auto dry = management_.CollectGarbage(true);
  EXPECT_TRUE(PathExists(shelf + "/left.new/memory"));
  const auto report = management_.CollectGarbage(false);
  ASSERT_TRUE(dry.ok() && report.ok());
  EXPECT_EQ(dry->items.size(), report->items.size());
  for (const auto& item : report->items) EXPECT_TRUE(item.removed) << item.name << item.error;
  EXPECT_THAT(*ListDir(shelf), ::testing::UnorderedElementsAre("again.lock", "again.new", "whole"));
  EXPECT_TRUE(PathExists(shelf + "/whole/memory"));
  EXPECT_THAT(*ListDir(world_.root() + "/factory"), IsEmpty());
}

// The text comes from a file that anybody with the directory may have written.
TEST_F(HeldTest, NoPathThatIsNoneIsRemoved) {
  ASSERT_TRUE(management_.List().ok());
  const std::string kept = dir_.path() + "/kept.new";
  ASSERT_TRUE(MakeDirs(kept).ok());
  int number = 0;
  for (const std::string& text : {std::string(), std::string("kept.new"), std::string("/"),
                                  kept + "\n", dir_.path(), std::string(5000, '/') + ".new"}) {
    const std::string dir = Factory("template-" + std::to_string(number++));
    ASSERT_TRUE(MakeDirs(dir).ok());
    ASSERT_TRUE(WriteFile(dir + "/begun", text).ok());
  }
  ASSERT_TRUE(management_.CollectGarbage(false).ok());
  EXPECT_TRUE(PathExists(kept));
  EXPECT_THAT(*ListDir(world_.root() + "/factory"), IsEmpty());
}

TEST_F(HeldTest, AutoIsSettledWhenASandboxIsMade) {
  Settings settings;
  settings.factory = "auto";
  context_ = MakeFakeContext(world_, settings);
  Management management(context_);
  auto pod = management.Create(Pod());
  ASSERT_TRUE(pod.ok()) << pod.status().message();
  const auto status = management.GetStatus("pod");
  ASSERT_TRUE(status.ok());
  EXPECT_THAT((std::vector<std::string>{"template", "direct"}), Contains(status->factory));
  ASSERT_TRUE((*pod)->Delete().ok());
  world_.Without("shoji.hypervisor.snapshot/1");
  VmConfig config;
  config.run_dir = dir_.path();
  EXPECT_EQ(*ChooseFactory(*context_, "auto", "fake", config), "direct");
  config.memory_bytes = std::uint64_t{1} << 60U;
  EXPECT_EQ(*ChooseFactory(*context_, "auto", "fake", config), "direct");
  EXPECT_EQ(*ChooseFactory(*context_, "cache", "fake", config), "cache");
}

}  // namespace
}  // namespace shoji
