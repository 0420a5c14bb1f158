// Devices, storages, interfaces and sizes, on fakes: result, record, undo of every failure.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

#include "host/mount.h"
#include "oci/host_devices.h"
#include "sandbox/management.h"
#include "sandbox/object.h"
#include "shoji/base/file.h"
#include "testing/fake_plugins.h"

namespace shoji {
namespace {

using nlohmann::json;
using testing::FakeMac;
using testing::FakeWorld;
using testing::MakeFakeContext;
using testing::TempDir;

constexpr std::uint64_t kMiB = 1U << 20U;
const bool kInNamespace = testing::EnterMountNamespace();

class HotplugTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(kInNamespace) << "needs root: a mount namespace of its own";
    ASSERT_TRUE(MakeDirs(dir_.path() + "/rootfs/etc").ok());
    ASSERT_TRUE(MakeDirs(dir_.path() + "/files").ok());
    ASSERT_TRUE(WriteFile(disk(), "disk").ok());
  }
  void TearDown() override {
    world_.Heal();
    if (management_.GetStatus("pod").ok()) {
      const Status deleted = management_.Delete("pod");
      EXPECT_TRUE(deleted.ok()) << deleted.message();
    }
    EXPECT_EQ(world_.Live("vm"), 0);
    EXPECT_EQ(world_.Live("link"), 0);
    EXPECT_EQ(machine().Joined(), 0);
    EXPECT_TRUE(MountsBelow(world_.root())->empty());
    EXPECT_TRUE(ListDir(dir_.path() + "/store")->empty());
    context_->ForgetAll();
  }
  std::string disk() const { return dir_.path() + "/disk.img"; }
  testing::FakeMachine& machine() { return world_.machine(); }

  DeviceInfo Disk(const std::string& id) const {
    DeviceInfo device;
    device.id = id;
    device.host_path = disk();
    return device;
  }
  StorageInfo Storage(const std::string& id, StorageInfo::Kind kind) const {
    StorageInfo storage;
    storage.id = id;
    storage.kind = kind;
    if (kind == StorageInfo::Kind::kDirectory) storage.source = dir_.path() + "/files";
    if (kind == StorageInfo::Kind::kBlock) storage.source = disk();
    return storage;
  }
  ContainerConfig Container(const std::string& id) const {
    ContainerConfig config;
    config.id = id;
    config.rootfs.source = dir_.path() + "/rootfs";
    config.cmd.args = {"/bin/true"};
    return config;
  }
  SandboxConfig Pod() const {
    SandboxConfig config;
    config.id = "pod";
    config.vcpus = 1;
    config.memory_bytes = 256 * kMiB;
    config.containers = {Container("one")};
    return config;
  }
  SandboxConfig Networked() const {
    SandboxConfig config = Pod();
    config.network.netns = "/run/netns/pod";
    return config;
  }
  std::shared_ptr<SandboxObject> Run(const SandboxConfig& config) {
    auto pod = management_.Run(config);
    EXPECT_TRUE(pod.ok()) << pod.status().message();
    return pod.ok() ? *pod : nullptr;
  }
  SandboxStatus Status_() { return *management_.GetStatus("pod"); }
  // Where in the calls to VM and guest something that begins so stands; -1 for nowhere.
  int At(const std::string& begin) {
    const auto calls = machine().Calls();
    const auto it = std::find_if(calls.begin(), calls.end(),
                                 [&](const auto& call) { return call.rfind(begin, 0) == 0; });
    return it == calls.end() ? -1 : static_cast<int>(it - calls.begin());
  }
  int Times(const std::string& begin) {
    const auto calls = machine().Calls();
    return static_cast<int>(std::count_if(
        calls.begin(), calls.end(), [&](const auto& call) { return call.rfind(begin, 0) == 0; }));
  }

  TempDir dir_;
  FakeWorld world_{dir_.path()};
  std::shared_ptr<Context> context_ = MakeFakeContext(world_);
  Management management_{context_};
};

// ---- devices -----------------------------------------------------------------------

TEST_F(HotplugTest, AddsOnceKeepsAndRemoves) {
  const auto pod = Run(Pod());
  const auto added = pod->AddDevice(Disk("data"));
  ASSERT_TRUE(added.ok()) << added.status().message();
  EXPECT_EQ(json::parse(added->address)["pci_path"], "02/01");
  EXPECT_EQ(pod->AddDevice(Disk("data"))->address, added->address);
  DeviceInfo other = Disk("data");
  other.read_only = true;
  EXPECT_EQ(pod->AddDevice(other).status().code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(Times("attach data"), 1);
  ASSERT_EQ(Status_().devices.size(), 1U);
  EXPECT_EQ(Status_().devices[0].info, Disk("data"));
  EXPECT_EQ(Status_().devices[0].address, added->address);
  EXPECT_TRUE(pod->RemoveDevice("data").ok());
  EXPECT_TRUE(pod->RemoveDevice("data").ok());
  EXPECT_FALSE(machine().Has("data"));
  EXPECT_TRUE(Status_().devices.empty());
}

TEST_F(HotplugTest, RefusesWrongDevices) {
  const auto pod = Run(Pod());
  const auto code = [&](const DeviceInfo& device) {
    return pod->AddDevice(device).status().code();
  };
  for (const char* id : {"", "a/b", "..", "kataShared", "nic-02", "a b"}) {
    EXPECT_EQ(code(Disk(id)), StatusCode::kInvalidArgument) << id;
  }
  DeviceInfo device = Disk("data");
  device.format = "vmdk";
  const Status format = pod->AddDevice(device).status();
  EXPECT_EQ(format.message(), "format \"vmdk\" of device \"data\" is not raw or qcow2");
  device = Disk("data");
  device.host_path = "disk.img";
  EXPECT_EQ(code(device), StatusCode::kInvalidArgument);
  device.host_path = dir_.path() + "/none";
  EXPECT_EQ(code(device), StatusCode::kNotFound);
  device.host_path = dir_.path();
  EXPECT_EQ(code(device), StatusCode::kInvalidArgument);
  device = Disk("data");
  device.limits = DiskLimits{0, 5, 0, 0, 0};
  EXPECT_EQ(code(device), StatusCode::kInvalidArgument);
  device = Disk("data");
  device.kind = DeviceInfo::Kind::kVsock;
  EXPECT_EQ(code(device), StatusCode::kInvalidArgument);
  device.kind = DeviceInfo::Kind::kVhostUser;
  device.vhost_type = "blk";
  EXPECT_EQ(code(device), StatusCode::kInvalidArgument);  // a file, no socket
  device.kind = DeviceInfo::Kind::kVfio;
  device.host_path = "03:00.0";
  EXPECT_EQ(code(device), StatusCode::kInvalidArgument);
  EXPECT_EQ(machine().DeviceCount(), 0U);
}

TEST_F(HotplugTest, FailedAddAndRemoveChangeNothing) {
  const auto pod = Run(Pod());
  for (const char* slot : {"vm.attach_device", "store.apply"}) {
    world_.FailAt(slot);
    EXPECT_FALSE(pod->AddDevice(Disk("data")).ok()) << slot;
    world_.Heal();
    EXPECT_FALSE(machine().Has("data")) << slot;
    EXPECT_TRUE(Status_().devices.empty());
  }
  ASSERT_TRUE(pod->AddDevice(Disk("data")).ok());
  for (const char* slot : {"vm.detach", "store.apply"}) {
    world_.FailAt(slot);
    EXPECT_FALSE(pod->RemoveDevice("data").ok()) << slot;
    world_.Heal();
    EXPECT_TRUE(machine().Has("data")) << slot;
    EXPECT_EQ(Status_().devices.size(), 1U);
  }
}

TEST_F(HotplugTest, LimitsADiskAndRestoresTheOldLimit) {
  const auto pod = Run(Pod());
  ASSERT_TRUE(pod->AddDevice(Disk("data")).ok());
  ASSERT_TRUE(pod->LimitDevice("data", DiskLimits{1000, 0, 0, 0, 0}).ok());
  EXPECT_EQ(machine().Limit("data"), 1000U);
  world_.FailAt("store.apply");
  EXPECT_FALSE(pod->LimitDevice("data", DiskLimits{2000, 0, 0, 0, 0}).ok());
  world_.Heal();
  EXPECT_EQ(machine().Limit("data"), 1000U);
  EXPECT_EQ(Status_().devices[0].info.limits->bytes_per_s, 1000U);
  ASSERT_TRUE(pod->LimitDevice("data", std::nullopt).ok());
  EXPECT_EQ(machine().Limit("data"), 0U);
  EXPECT_EQ(pod->LimitDevice("none", std::nullopt).code(), StatusCode::kNotFound);
  EXPECT_EQ(pod->LimitDevice("data", DiskLimits{0, 1, 0, 0, 0}).code(),
            StatusCode::kInvalidArgument);
}

TEST_F(HotplugTest, ContainersGetDevicesAndKeepThem) {
  SandboxConfig config = Pod();
  config.devices = {Disk("data")};
  config.containers[0].devices = {{"data", "/dev/xvda", "rw"}};
  const auto pod = Run(config);
  EXPECT_GE(At("device blk 02/01 /dev/xvda"), 0);
  const json spec = json::parse(world_.Spec("one"));
  const json& device = spec["linux"]["devices"][0];
  const json& rule = spec["linux"]["resources"]["devices"][0];
  EXPECT_EQ(device["path"], "/dev/xvda");
  EXPECT_EQ(device["type"], "b");
  EXPECT_EQ(rule["access"], "rw");
  EXPECT_EQ(rule["major"], device["major"]);
  EXPECT_EQ(rule["minor"], device["minor"]);
  const Status removed = pod->RemoveDevice("data");
  EXPECT_EQ(removed.code(), StatusCode::kFailedPrecondition);
  EXPECT_NE(removed.message().find("container \"one\""), std::string::npos);
  ContainerConfig other = Container("two");
  other.devices = {{"none", "/dev/xvda", "rw"}};
  EXPECT_EQ(pod->CreateContainer(other).status().code(), StatusCode::kNotFound);
  other.devices = {{"data", "dev", "rw"}};
  EXPECT_EQ(pod->CreateContainer(other).status().code(), StatusCode::kInvalidArgument);
  other.devices = {{"data", "/dev/x", "rx"}};
  EXPECT_EQ(pod->CreateContainer(other).status().code(), StatusCode::kInvalidArgument);
}

TEST_F(HotplugTest, BootDevicesAreConfirmedOrPlugged) {
  SandboxConfig config = Pod();
  config.devices = {Disk("data")};
  machine().IgnoreBootDevices();
  const auto pod = Run(config);
  EXPECT_LT(At("boot"), At("attach data"));
  EXPECT_LT(At("attach data"), At("create_container"));
  EXPECT_FALSE(Status_().devices[0].address.empty());
}

TEST_F(HotplugTest, RestartAttachesEverythingAgain) {
  const auto pod = Run(Networked());
  ASSERT_TRUE(pod->AddDevice(Disk("data")).ok());
  ASSERT_TRUE(pod->AddStorage(Storage("files", StorageInfo::Kind::kDirectory)).ok());
  ASSERT_TRUE(pod->AddStorage(Storage("disk", StorageInfo::Kind::kBlock)).ok());
  ASSERT_TRUE(pod->LimitInterface("eth0", InterfaceLimits{5, 0, 0, 7, 0, 0}).ok());
  ASSERT_TRUE(pod->Stop(false).ok());
  EXPECT_EQ(machine().Joined(), 0);
  EXPECT_EQ(Status_().devices.size(), 2U);
  EXPECT_EQ(pod->AddDevice(Disk("more")).status().code(), StatusCode::kFailedPrecondition);
  const Status started = pod->Start();
  ASSERT_TRUE(started.ok()) << started.message();
  EXPECT_TRUE(machine().Has("data"));
  EXPECT_TRUE(machine().Has("disk"));
  EXPECT_EQ(machine().Joined(), 1);
  EXPECT_EQ(Times("mount blk "), 1);  // with the sandbox now
  EXPECT_EQ(Times("limit eth0 5 7"), 2);
}

TEST_F(HotplugTest, ManyThreadsLoseNothing) {
  const auto pod = Run(Networked());
  constexpr int kThreads = 4;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      const std::string id = std::to_string(i);
      EXPECT_TRUE(pod->AddDevice(Disk("d" + id)).ok());
      EXPECT_TRUE(pod->AddStorage(Storage("s" + id, StorageInfo::Kind::kDirectory)).ok());
      InterfaceInfo interface;
      interface.name = "net" + id;
      EXPECT_TRUE(pod->AddInterface(interface).ok());
      EXPECT_TRUE(pod->CreateContainer(Container("c" + id)).ok());
      if (i % 2 == 0) {
        EXPECT_TRUE(pod->RemoveDevice("d" + id).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const SandboxStatus status = Status_();
  EXPECT_EQ(status.devices.size(), 2U);
  EXPECT_EQ(status.storages.size(), 4U);
  EXPECT_EQ(status.containers.size(), 5U);
  EXPECT_EQ(machine().Nics().size(), 5U);
}

// ---- disks of a specification --------------------------------------------------------

// A disk of this machine, for nothing but its numbers.
HostDisk AnyDisk() {
  const auto all = ListDir("/sys/dev/block");
  EXPECT_TRUE(all.ok()) << all.status().message();
  for (const std::string& numbers : *all) {
    HostDisk disk;
    disk.major = std::stoi(numbers);
    disk.minor = std::stoi(numbers.substr(numbers.find(':') + 1));
    if (HostNodeOf(disk).ok()) return disk;
  }
  return {};
}

ContainerConfig WithDisk(ContainerConfig config, const HostDisk& disk, const char* access) {
  const json number = {{"type", "b"}, {"major", disk.major}, {"minor", disk.minor}};
  json node = number;
  node["path"] = "/dev/data";
  node["fileMode"] = 0600;
  json rule = number;
  rule["allow"] = true;
  rule["access"] = access;
  config.oci_spec =
      json{{"process", {{"args", {"/bin/true"}}}},
           {"root", {{"path", config.rootfs.source}}},
           {"linux",
            {{"devices", json::array({node})},
             {"resources", {{"devices", json::array({json{{"allow", false}}, rule})}}}}}}
          .dump();
  return config;
}

TEST_F(HotplugTest, DisksOfASpecificationComeAndGoWithTheirContainers) {
  const HostDisk disk = AnyDisk();
  if (disk.major == 0) GTEST_SKIP() << "this machine has no disk";
  const std::string id = "host-" + std::to_string(disk.major) + "-" + std::to_string(disk.minor);
  SandboxConfig config = Pod();
  config.containers = {WithDisk(Container("one"), disk, "rwm")};
  const auto pod = Run(config);
  ASSERT_NE(pod, nullptr);
  ASSERT_EQ(Status_().devices.size(), 1U);
  EXPECT_EQ(Status_().devices[0].info.id, id);
  EXPECT_EQ(Status_().devices[0].info.host_path, *HostNodeOf(disk));
  EXPECT_FALSE(Status_().devices[0].info.read_only);

  for (const char* name : {"two", "three"}) {
    const auto made = pod->CreateContainer(WithDisk(Container(name), disk, "r"));
    ASSERT_TRUE(made.ok()) << made.status().message();
  }
  EXPECT_EQ(Times("attach " + id + "-ro"), 1);
  ASSERT_EQ(Status_().devices.size(), 2U);
  EXPECT_TRUE(Status_().devices[1].info.read_only);
  EXPECT_TRUE(pod->DeleteContainer("two").ok());
  EXPECT_TRUE(machine().Has(id + "-ro"));
  EXPECT_TRUE(pod->DeleteContainer("three").ok());
  EXPECT_FALSE(machine().Has(id + "-ro"));
  ASSERT_EQ(Status_().devices.size(), 1U);
}

TEST_F(HotplugTest, AContainerWhoseDiskIsNotThereIsNotMade) {
  const auto pod = Run(Pod());
  HostDisk disk;
  disk.major = 4000;
  const auto made = pod->CreateContainer(WithDisk(Container("two"), disk, "rwm"));
  EXPECT_EQ(made.status().code(), StatusCode::kNotFound);
  EXPECT_EQ(Status_().containers.size(), 1U);
}

// ---- storages ----------------------------------------------------------------------

TEST_F(HotplugTest, StoragesOfTheSandboxAreMountedWithIt) {
  SandboxConfig config = Pod();
  config.storages = {Storage("files", StorageInfo::Kind::kDirectory),
                     Storage("disk", StorageInfo::Kind::kBlock),
                     Storage("tmp", StorageInfo::Kind::kMemory)};
  config.storages[2].size_bytes = 4096;
  config.containers[0].mounts = {{"files/sub", "/files", "storage", {"ro"}},
                                 {"tmp", "/tmp", "storage", {}}};
  ContainerConfig on_disk = Container("two");
  on_disk.rootfs = {"", "disk/root", false, false};
  config.containers.push_back(on_disk);
  const auto pod = Run(config);
  const std::string root = "/run/kata-containers/sandbox/";
  EXPECT_GT(At("mount blk 02/01 " + root + "storage/disk"), At("create_sandbox"));
  EXPECT_LT(At("mount blk 02/01 " + root + "storage/disk"), At("create_container"));
  EXPECT_GE(At("mount ephemeral tmpfs " + root + "ephemeral/tmp"), 0);
  EXPECT_EQ(Times("mount blk"), 1);
  const json mounts = json::parse(world_.Spec("one"))["mounts"];
  const auto source = [&](const std::string& destination) {
    for (const json& mount : mounts) {
      if (mount["destination"] == destination) return mount["source"].get<std::string>();
    }
    return std::string();
  };
  EXPECT_EQ(source("/files"), "/run/kata-containers/shared/containers/storage@files/sub");
  EXPECT_EQ(source("/tmp"), root + "ephemeral/tmp");
  EXPECT_EQ(json::parse(world_.Spec("two"))["root"]["path"], root + "storage/disk/root");
  EXPECT_EQ(Status_().storages[1].guest_path, root + "storage/disk");
  EXPECT_EQ(pod->RemoveStorage("disk").code(), StatusCode::kFailedPrecondition);
  ASSERT_TRUE(pod->StopContainer("two", true).ok());
  ASSERT_TRUE(pod->DeleteContainer("two").ok());
  const Status kept = pod->RemoveStorage("disk");  // nobody uses it, but the guest has it
  EXPECT_NE(kept.message().find("stop it first"), std::string::npos) << kept.message();
  ASSERT_TRUE(pod->Stop(true).ok());
  EXPECT_TRUE(pod->RemoveStorage("disk").ok());
  EXPECT_TRUE(Status_().devices.empty());
}

TEST_F(HotplugTest, LaterStoragesAreMountedWithContainers) {
  const auto pod = Run(Pod());
  const auto added = pod->AddStorage(Storage("disk", StorageInfo::Kind::kBlock));
  ASSERT_TRUE(added.ok()) << added.status().message();
  EXPECT_EQ(pod->AddStorage(Storage("disk", StorageInfo::Kind::kBlock))->guest_path,
            added->guest_path);
  EXPECT_EQ(pod->AddDevice(Disk("disk")).status().code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(pod->RemoveDevice("disk").code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(Times("mount blk"), 0);
  ContainerConfig user = Container("two");
  user.mounts = {{"disk", "/data", "storage", {}}};
  ASSERT_TRUE(pod->CreateContainer(user).ok());
  EXPECT_EQ(Times("mount blk"), 1);
  const Status used = pod->RemoveStorage("disk");
  EXPECT_NE(used.message().find("container \"two\""), std::string::npos) << used.message();
  ASSERT_TRUE(pod->DeleteContainer("two").ok());
  ASSERT_TRUE(pod->RemoveStorage("disk").ok());
  EXPECT_FALSE(machine().Has("disk"));
  EXPECT_TRUE(pod->RemoveStorage("disk").ok());
}

TEST_F(HotplugTest, DirectoriesComeAndGoInTheShare) {
  const auto pod = Run(Pod());
  ASSERT_TRUE(WriteFile(dir_.path() + "/files/x", "text").ok());
  const StorageInfo storage = Storage("files", StorageInfo::Kind::kDirectory);
  const std::string shown = world_.root() + "/sandboxes/pod/share/storage@files/x";
  world_.FailAt("store.apply");
  EXPECT_FALSE(pod->AddStorage(storage).ok());
  world_.Heal();
  EXPECT_FALSE(PathExists(shown));
  ASSERT_TRUE(pod->AddStorage(storage).ok());
  EXPECT_EQ(*ReadFile(shown), "text");
  ASSERT_TRUE(pod->RemoveStorage("files").ok());
  EXPECT_FALSE(PathExists(shown));
  EXPECT_TRUE(PathExists(dir_.path() + "/files/x"));
}

TEST_F(HotplugTest, RefusesWrongReferences) {
  const auto pod = Run(Pod());
  ASSERT_TRUE(pod->AddStorage(Storage("files", StorageInfo::Kind::kDirectory)).ok());
  ContainerConfig user = Container("two");
  for (const char* bad : {"", "/files", "files/../x", "files//x", "files/.", ".."}) {
    user.mounts = {{bad, "/data", "storage", {}}};
    EXPECT_FALSE(pod->CreateContainer(user).ok()) << bad;
  }
  user.mounts = {{"none", "/data", "storage", {}}};
  EXPECT_EQ(pod->CreateContainer(user).status().code(), StatusCode::kNotFound);
  user.mounts = {{"files/", "/data", "storage", {}}};
  EXPECT_TRUE(pod->CreateContainer(user).ok());
  user = Container("three");
  user.rootfs = {"/both", "files", false, false};
  EXPECT_EQ(pod->CreateContainer(user).status().code(), StatusCode::kInvalidArgument);
  user.rootfs = {"", "files", false, true};
  EXPECT_EQ(pod->CreateContainer(user).status().code(), StatusCode::kInvalidArgument);
  user.rootfs = {"", "files", false, false};
  user.cmd.user = "nobody";
  const Status name = pod->CreateContainer(user).status();
  EXPECT_NE(name.message().find("give numbers"), std::string::npos) << name.message();
  user.cmd.user = "65534:65534";
  EXPECT_TRUE(pod->CreateContainer(user).ok());
}

TEST_F(HotplugTest, TheVmSaysHowTheShareIsMounted) {
  machine().ShareMount(
      R"({"driver":"virtio-fs","source":"kataShared","fstype":"virtiofs","options":["ro"]})");
  Run(Pod());
  EXPECT_GE(At("mount virtio-fs kataShared /run/kata-containers/shared/containers"), 0);
}

TEST_F(HotplugTest, NonsenseAboutTheShareIsAnError) {
  machine().ShareMount(R"({"driver":7})");
  const auto pod = management_.Create(Pod());
  EXPECT_EQ(pod.status().code(), StatusCode::kInternal);
  EXPECT_NE(pod.status().message().find("kataShared"), std::string::npos);
}

TEST_F(HotplugTest, WithoutAShareOnlyStoragesServe) {
  SandboxConfig config = Pod();
  config.share = false;
  EXPECT_EQ(management_.Create(config).status().code(), StatusCode::kInvalidArgument);
  config.storages = {Storage("disk", StorageInfo::Kind::kBlock)};
  config.containers[0].rootfs = {"", "disk", false, false};
  const auto pod = Run(config);
  ASSERT_NE(pod, nullptr);
  EXPECT_EQ(Times("mount 9p"), 0);
  EXPECT_EQ(management_.GetStatus("pod")->containers.at(0).rootfs, "");
  ContainerConfig more = config.containers[0];
  more.id = "two";
  ASSERT_TRUE(pod->CreateContainer(more).ok());
  more.id = "three";
  more.mounts = {{dir_.path() + "/files", "/files", "bind", {"rbind"}}};
  const Status bound = pod->CreateContainer(more).status();
  EXPECT_EQ(bound.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(bound.message().find("shares no directories"), std::string::npos) << bound.message();
  EXPECT_TRUE(pod->DeleteContainer("two").ok());
  ASSERT_TRUE(pod->Stop(false).ok());
  EXPECT_TRUE(pod->Start().ok());
  EXPECT_EQ(pod->AddStorage(Storage("files", StorageInfo::Kind::kDirectory)).status().code(),
            StatusCode::kFailedPrecondition);
}

// ---- network -----------------------------------------------------------------------

TEST_F(HotplugTest, WithoutANamespaceNoPluginIsOpened) {
  const auto pod = Run(Pod());
  EXPECT_EQ(world_.Count("network.open"), 0);
  InterfaceInfo interface;
  interface.name = "eth1";
  EXPECT_EQ(pod->AddInterface(interface).status().code(), StatusCode::kFailedPrecondition);
}

TEST_F(HotplugTest, JoinsBeforeTheVmAndConfiguresBeforeTheSandbox) {
  SandboxConfig config = Networked();
  config.network.limits = InterfaceLimits{100, 0, 0, 200, 0, 0};
  const auto pod = Run(config);
  EXPECT_LT(At("attach nic-"), At("update_interface"));
  EXPECT_LT(At("update_interface"), At("update_routes"));
  EXPECT_LT(At("update_routes"), At("add_neighbors"));
  EXPECT_LT(At("add_neighbors"), At("create_sandbox"));
  EXPECT_EQ(Times("attach nic-"), 1);
  EXPECT_GE(At("limit eth0 100 200"), 0);
  const auto calls = machine().Calls();
  const json sent = json::parse(
      calls[static_cast<std::size_t>(At("update_interface"))].substr(sizeof("update_interface")));
  EXPECT_EQ(sent["pciPath"], "02/01");
  EXPECT_EQ(Status_().netns, "/run/netns/pod");
  EXPECT_EQ(world_.Live("link"), 1);
}

TEST_F(HotplugTest, EveryFailureOfJoiningLeavesNothing) {
  for (const char* slot :
       {"network.open", "network.join", "network.save_state", "factory.new_vm", "vm.attach_device",
        "network.guest_config", "agent.update_interface", "agent.update_routes",
        "agent.add_neighbors", "agent.create_sandbox", "store.apply"}) {
    SCOPED_TRACE(slot);
    const auto context = MakeFakeContext(world_);
    world_.FailAt(slot);
    EXPECT_FALSE(Management(context).Create(Networked()).ok());
    world_.Heal();
    EXPECT_EQ(machine().Joined(), 0);
    EXPECT_EQ(world_.Live("link"), 0);
    EXPECT_EQ(world_.Live("vm"), 0);
    EXPECT_FALSE(PathExists(world_.root() + "/sandboxes/pod"));
  }
}

TEST_F(HotplugTest, AddedInterfaceIsTakenBackOnFailure) {
  const auto pod = Run(Networked());
  InterfaceInfo interface;
  interface.name = "eth1";
  interface.guest_name = "lan";
  interface.limits = InterfaceLimits{1, 0, 0, 1, 0, 0};
  for (const char* slot : {"network.add", "network.guest_config", "vm.attach_device",
                           "agent.update_interface", "network.limit", "store.apply"}) {
    SCOPED_TRACE(slot);
    world_.FailAt(slot);
    EXPECT_FALSE(pod->AddInterface(interface).ok());
    world_.Heal();
    EXPECT_EQ(machine().Nics(), std::vector<std::string>{"eth0"});
    EXPECT_EQ(machine().DeviceCount(), 1U);
  }
  const auto added = pod->AddInterface(interface);
  ASSERT_TRUE(added.ok()) << added.status().message();
  EXPECT_EQ(added->guest_name, "lan");
  EXPECT_EQ(added->mac, FakeMac("eth1"));
  EXPECT_EQ(added->addresses.size(), 1U);
  EXPECT_TRUE(pod->AddInterface(interface).ok());
  interface.mtu = 1400;
  EXPECT_EQ(pod->AddInterface(interface).status().code(), StatusCode::kAlreadyExists);
}

TEST_F(HotplugTest, RemovedInterfaceComesBackOnFailure) {
  const auto pod = Run(Networked());
  for (const char* slot : {"vm.detach", "network.remove", "store.apply"}) {
    SCOPED_TRACE(slot);
    world_.FailAt(slot);
    EXPECT_FALSE(pod->RemoveInterface("eth0").ok());
    world_.Heal();
    EXPECT_EQ(machine().Nics(), std::vector<std::string>{"eth0"});
    EXPECT_EQ(machine().DeviceCount(), 1U);
  }
  EXPECT_TRUE(pod->RemoveInterface("eth0").ok());
  EXPECT_TRUE(machine().Nics().empty());
  EXPECT_EQ(machine().DeviceCount(), 0U);
  EXPECT_TRUE(pod->RemoveInterface("eth0").ok());
  EXPECT_EQ(pod->RemoveInterface("a/b").code(), StatusCode::kInvalidArgument);
}

TEST_F(HotplugTest, ListsAndRoutes) {
  const auto pod = Run(Networked());
  const auto interfaces = pod->ListInterfaces();
  ASSERT_TRUE(interfaces.ok()) << interfaces.status().message();
  EXPECT_EQ(interfaces->at(0).name, "lo");
  EXPECT_EQ(interfaces->at(1).name, "eth0");
  EXPECT_EQ(interfaces->at(1).guest_name, "in0");
  EXPECT_EQ(pod->ListRoutes()->at(0).gateway, "10.0.0.1");
  const std::vector<Route> routes = {{"10.1.0.0/16", "", "eth0", "", 0, false}};
  EXPECT_EQ(*pod->UpdateRoutes(routes), routes);
  for (const Route& bad :
       {Route{"10.0.0.0", "", "eth0", "", 0, false}, Route{"x/8", "", "eth0", "", 0, false},
        Route{"10.0.0.0/33", "", "eth0", "", 0, false}, Route{"", "gate", "eth0", "", 0, false},
        Route{"", "10.0.0.1", "", "", 0, false}}) {
    EXPECT_EQ(pod->UpdateRoutes({bad}).status().code(), StatusCode::kInvalidArgument);
  }
}

TEST_F(HotplugTest, AnotherProcessChangesTheNetwork) {
  Run(Networked());
  ASSERT_TRUE((*management_.Fetch("pod"))->Release().ok());
  EXPECT_EQ(world_.Live("link"), 0);
  EXPECT_EQ(machine().Joined(), 1);
  const auto other = MakeFakeContext(world_);
  const auto pod = *Management(other).Fetch("pod");
  InterfaceInfo interface;
  interface.name = "eth1";
  EXPECT_TRUE(pod->AddInterface(interface).ok());
  EXPECT_TRUE(pod->RemoveInterface("eth0").ok());
  EXPECT_TRUE(pod->Delete().ok());
  EXPECT_EQ(machine().Joined(), 0);
}

// ---- sizes -------------------------------------------------------------------------

TEST_F(HotplugTest, TheSandboxGrowsWithItsContainers) {
  SandboxConfig config = Pod();
  config.containers[0].resources.cpu_quota_us = 150'000;
  config.containers[0].resources.memory_limit = 100 * static_cast<std::int64_t>(kMiB);
  const auto pod = Run(config);
  EXPECT_EQ(machine().Size().vcpus, 3U);  // 1 and 1.5
  EXPECT_EQ(machine().Size().memory_bytes, 356 * kMiB);
  EXPECT_EQ(json::parse(world_.Spec("one"))["linux"]["resources"]["cpu"]["quota"], 150'000);
  ContainerConfig more = Container("two");
  more.resources.cpu_quota_us = 50'000;  // fits into what was rounded up
  more.resources.memory_limit = 28 * static_cast<std::int64_t>(kMiB);
  ASSERT_TRUE(pod->CreateContainer(more).ok());
  EXPECT_EQ(machine().Size().vcpus, 3U);
  EXPECT_EQ(machine().Size().memory_bytes, 384 * kMiB);  // whole blocks
  EXPECT_GE(At("probe 1"), 0);
  more = Container("three");
  more.oci_spec = json{{"root", {{"path", dir_.path() + "/rootfs"}}},
                       {"process", {{"args", {"/bin/true"}}}},
                       {"linux", {{"resources", {{"cpu", {{"quota", 200}, {"period", 100}}}}}}}}
                      .dump();
  ASSERT_TRUE(pod->CreateContainer(more).ok());
  EXPECT_EQ(machine().Size().vcpus, 5U);
  EXPECT_GE(At("online 2"), 0);
  EXPECT_EQ(Status_().vcpus, 5U);
  ASSERT_TRUE(pod->DeleteContainer("three").ok());
  EXPECT_EQ(machine().Size().vcpus, 3U);
  EXPECT_EQ(Status_().vcpus, 3U);
  ASSERT_TRUE(pod->Stop(true).ok());
  ASSERT_TRUE(pod->Start().ok());
  EXPECT_EQ(machine().Size().vcpus, 3U);
  EXPECT_EQ(machine().Size().memory_bytes, 384 * kMiB);
}

TEST_F(HotplugTest, FailuresOfGrowingAreUndone) {
  const auto pod = Run(Pod());
  ContainerConfig more = Container("two");
  more.resources.cpu_quota_us = 200'000;
  more.resources.memory_limit = 128 * static_cast<std::int64_t>(kMiB);
  for (const char* slot :
       {"vm.size", "vm.set_vcpus", "agent.online", "agent.guest_details", "vm.set_memory",
        "agent.probe", "agent.create_container", "store.apply"}) {
    SCOPED_TRACE(slot);
    world_.FailAt(slot);
    EXPECT_FALSE(pod->CreateContainer(more).ok());
    world_.Heal();
    EXPECT_EQ(machine().Size().vcpus, 1U);
    EXPECT_EQ(machine().Size().memory_bytes, 256 * kMiB);
    EXPECT_EQ(Status_().vcpus, 1U);
  }
  ASSERT_TRUE(pod->CreateContainer(more).ok());
  EXPECT_EQ(machine().Size().vcpus, 3U);
}

TEST_F(HotplugTest, AVmThatCannotGrowServesAllTheSame) {
  machine().NoResize();
  const auto pod = Run(Pod());
  ContainerConfig more = Container("two");
  more.resources.cpu_quota_us = 200'000;
  EXPECT_TRUE(pod->CreateContainer(more).ok());
  EXPECT_EQ(Status_().vcpus, 1U);
  EXPECT_TRUE(pod->DeleteContainer("two").ok());
}

TEST_F(HotplugTest, UpdateHoldsOrTheOldLimitsDo) {
  SandboxConfig config = Pod();
  config.containers[0].resources.cpu_quota_us = 100'000;
  const auto pod = Run(config);
  Resources update;
  update.cpu_quota_us = 300'000;
  update.pids_limit = 10;
  for (const char* slot : {"vm.set_vcpus", "agent.update_container", "store.apply"}) {
    SCOPED_TRACE(slot);
    world_.FailAt(slot);
    EXPECT_FALSE(pod->UpdateContainer("one", update).ok());
    world_.Heal();
    EXPECT_EQ(machine().Size().vcpus, 2U);
  }
  const auto calls = machine().Calls();
  const std::string prefix = "update one ";
  ASSERT_EQ(calls.back().rfind(prefix, 0), 0U);
  EXPECT_EQ(json::parse(calls.back().substr(prefix.size())),
            json::parse(R"({"cpu":{"quota":100000},"pids":{"limit":-1}})"));
  ASSERT_TRUE(pod->UpdateContainer("one", update).ok());
  EXPECT_EQ(machine().Size().vcpus, 4U);
  update = Resources();
  update.cpu_quota_us = -1;
  ASSERT_TRUE(pod->UpdateContainer("one", update).ok());
  EXPECT_EQ(machine().Size().vcpus, 1U);
  ASSERT_TRUE(pod->Stop(true).ok());
  ASSERT_TRUE(pod->Start().ok());
  const json limits = json::parse(world_.Spec("one"))["linux"]["resources"];
  EXPECT_EQ(limits["pids"]["limit"], 10);
  EXPECT_EQ(limits["cpu"]["quota"], -1);
  EXPECT_EQ(pod->UpdateContainer("none", update).code(), StatusCode::kNotFound);
  update.oci_json = "[]";
  EXPECT_EQ(pod->UpdateContainer("one", update).code(), StatusCode::kInvalidArgument);
}

TEST_F(HotplugTest, AKilledProcessLeavesNoNetwork) {
  for (const char* slot : {"factory.new_vm", "agent.update_interface", "store.apply"}) {
    SCOPED_TRACE(slot);
    const pid_t child = fork();
    if (child == 0) {
      world_.DieAt(slot);
      (void)Management(MakeFakeContext(world_)).Run(Networked());
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_TRUE(PathExists(world_.root() + "/sandboxes/pod/network"));
    const int left = world_.Count("network.leave");
    ASSERT_TRUE(management_.CollectGarbage(false).ok());
    EXPECT_EQ(world_.Count("network.leave"), left + 1);
    EXPECT_FALSE(PathExists(world_.root() + "/sandboxes/pod"));
  }
}

}  // namespace
}  // namespace shoji
