// Save and restore.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "host/host_cgroup.h"
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

// ---- what it has on the host -----------------------------------------------------------

class AttachedSnapshotTest : public SnapshotTest {
 protected:
  void SetUp() override {
    SnapshotTest::SetUp();
    ASSERT_TRUE(WriteFile(dir_.path() + "/disk.img", "disk").ok());
    ASSERT_TRUE(MakeDirs(dir_.path() + "/files").ok());
  }
  StorageInfo Storage(const std::string& id, StorageInfo::Kind kind) const {
    StorageInfo storage;
    storage.id = id;
    storage.kind = kind;
    if (kind != StorageInfo::Kind::kMemory) {
      storage.source = dir_.path() + (kind == StorageInfo::Kind::kBlock ? "/disk.img" : "/files");
    }
    return storage;
  }
  DeviceInfo Disk(const std::string& id) const {
    DeviceInfo device;
    device.id = id;
    device.host_path = dir_.path() + "/disk.img";
    return device;
  }
  std::shared_ptr<SandboxObject> Run(const SandboxConfig& config) {
    auto pod = management_.Run(config);
    EXPECT_TRUE(pod.ok()) << pod.status().message();
    return pod.ok() ? *pod : nullptr;
  }
  void SaveDeleteRestore(SandboxObject& pod) {
    const Status saved = pod.Save(Snapshot());
    ASSERT_TRUE(saved.ok()) << saved.message();
    ASSERT_TRUE(pod.Delete().ok());
    const auto restored = management_.Restore("other", Snapshot());
    ASSERT_TRUE(restored.ok()) << restored.status().message();
  }
  void ExpectRefused(SandboxObject& pod, const std::string& why) {
    const Status refused = pod.Save(Snapshot());
    EXPECT_EQ(refused.code(), StatusCode::kFailedPrecondition);
    EXPECT_THAT(refused.message(), HasSubstr("cannot save sandbox \"pod\": "));
    EXPECT_THAT(refused.message(), HasSubstr(why));
    EXPECT_FALSE(PathExists(Snapshot()));
    EXPECT_EQ(StateOfPod(), State::kRunning);
    EXPECT_EQ(world_.Count("vm.pause"), 0);
  }
};

TEST_F(AttachedSnapshotTest, DisksThatItWasMadeWithComeAgain) {
  SandboxConfig config = Pod();
  config.share = false;
  config.storages = {Storage("disk", StorageInfo::Kind::kBlock),
                     Storage("scratch", StorageInfo::Kind::kMemory)};
  for (ContainerConfig& container : config.containers) {
    container.rootfs = {"", "disk/" + container.id, false, false};
  }
  const auto pod = Run(config);
  ASSERT_NE(pod, nullptr);
  SaveDeleteRestore(*pod);
  EXPECT_EQ(world_.Noted("vm.restore"), "other shares=0 disk");
  const auto status = management_.GetStatus("other");
  // The new VM was asked where it has it.
  EXPECT_EQ(status->devices.at(0).address, R"({"pci_path":"02/02"})");
  EXPECT_EQ(status->storages.size(), 2U);
  EXPECT_TRUE(MountsBelow(SandboxDir("other"))->empty());
  ASSERT_TRUE(management_.Stop("other", false).ok());
  ASSERT_TRUE(management_.Start("other").ok());
  ASSERT_TRUE(management_.Delete("other").ok());
  ExpectNothingLeft();
}

TEST_F(AttachedSnapshotTest, DirectoriesAreSharedAgain) {
  SandboxConfig config = Pod();
  config.storages = {Storage("files", StorageInfo::Kind::kDirectory)};
  const auto pod = Run(config);
  ASSERT_NE(pod, nullptr);
  ASSERT_TRUE(pod->AddStorage(Storage("later", StorageInfo::Kind::kDirectory)).ok());
  SaveDeleteRestore(*pod);
  for (const char* entry : {"/mounts/storage@files", "/mounts/storage@later"}) {
    EXPECT_THAT(*MountsBelow(SandboxDir("other")),
                ::testing::Contains(SandboxDir("other") + entry));
  }
  ASSERT_TRUE(management_.Delete("other").ok());
  ASSERT_TRUE(RemoveTree(dir_.path() + "/files").ok());
  EXPECT_EQ(management_.Restore("other", Snapshot()).status().code(), StatusCode::kNotFound);
  ExpectNothingLeft();
}

TEST_F(AttachedSnapshotTest, WhatCameOrWentIsNamed) {
  SandboxConfig config = Pod();
  config.devices = {Disk("first")};
  const auto pod = Run(config);
  ASSERT_NE(pod, nullptr);
  ASSERT_TRUE(pod->AddDevice(Disk("more")).ok());
  ExpectRefused(*pod, "its device \"more\" came when it ran and cannot be saved; remove it first");
  ASSERT_TRUE(pod->RemoveDevice("more").ok());
  ASSERT_TRUE(pod->AddStorage(Storage("data", StorageInfo::Kind::kBlock)).ok());
  ExpectRefused(*pod, "its storage \"data\"");
  ASSERT_TRUE(pod->RemoveStorage("data").ok());
  ASSERT_TRUE(pod->RemoveDevice("first").ok());
  ExpectRefused(*pod, "device \"first\", with which it was made, was removed");
  // As it says: made again it has what it has now.
  ASSERT_TRUE(pod->Stop(false).ok());
  ASSERT_TRUE(pod->Start().ok());
  Resources resources;
  resources.cpu_quota_us = 200'000;
  resources.cpu_period_us = 100'000;
  ASSERT_TRUE(pod->UpdateContainer("one", resources).ok());
  ExpectRefused(*pod, "which changed since; stop and start it first");
  ASSERT_TRUE(pod->Stop(false).ok());
  ASSERT_TRUE(pod->Start().ok());
  EXPECT_TRUE(pod->Save(Snapshot()).ok());
  ASSERT_TRUE(pod->Delete().ok());
  ExpectNothingLeft();
}

TEST_F(AttachedSnapshotTest, ANetworkIsNotSaved) {
  SandboxConfig config = Pod();
  config.network.netns = "/run/netns/pod";
  const auto pod = Run(config);
  ASSERT_NE(pod, nullptr);
  ExpectRefused(*pod, "its interface \"eth0\" cannot be saved");
  ASSERT_TRUE(pod->RemoveInterface("eth0").ok());
  ExpectRefused(*pod, "network namespace \"/run/netns/pod\"");
  ASSERT_TRUE(pod->Delete().ok());
  ExpectNothingLeft();
}

TEST_F(AttachedSnapshotTest, HooksOfTheSavedOneAreNotRunForTheOther) {
  SandboxConfig config = Pod();
  Hook hook;
  hook.path = "/bin/sh";
  hook.args = {"sh", "-c", "echo >> " + dir_.path() + "/ran"};
  config.containers[0].hooks.poststop = {hook};
  const auto pod = Run(config);
  ASSERT_NE(pod, nullptr);
  SaveDeleteRestore(*pod);
  ASSERT_TRUE(management_.Delete("other").ok());
  EXPECT_EQ(*ReadFile(dir_.path() + "/ran"), "\n");
  ExpectNothingLeft();
}

TEST_F(AttachedSnapshotTest, TheRestoredOneHasAControlGroupOfItsOwn) {
  const std::string parent = "/snapshot-test-" + std::to_string(getpid());
  const auto host = CgroupHost::Find();
  if (!host.ok() || !host->Make(parent).ok()) GTEST_SKIP() << "no control groups here";
  SandboxConfig config = Pod();
  config.cgroup_parent = parent;
  const auto pod = Run(config);
  ASSERT_NE(pod, nullptr);
  SaveDeleteRestore(*pod);
  const std::string group = CgroupName(world_.root(), parent, "other");
  EXPECT_TRUE(host->Exists(group));
  const std::int32_t pid = management_.GetStatus("other")->vm_pids.at(0);
  EXPECT_THAT(*ReadFile("/proc/" + std::to_string(pid) + "/cgroup"), HasSubstr(group));
  ASSERT_TRUE(management_.Delete("other").ok());
  EXPECT_FALSE(host->Exists(group));
  EXPECT_TRUE(host->Remove(parent).ok());
  ExpectNothingLeft();
}

}  // namespace
}  // namespace shoji
