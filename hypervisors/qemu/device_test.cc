// What QEMU is told about devices, and what is refused before it is asked.
#include "device.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "block.h"
#include "boot_devices.h"
#include "host_device.h"
#include "shoji/base/file.h"
#include "shoji/base/socket.h"

namespace shoji::qemu {
namespace {

using Json = nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

class DeviceTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/qemu_device_test.XXXXXX";
    dir_ = mkdtemp(name);
    ASSERT_TRUE(WriteFile(dir_ + "/disk,1", "data").ok());
  }
  void TearDown() override { EXPECT_TRUE(RemoveTree(dir_).ok()); }

  sdk::HotplugDevice Disk(const std::string& id, std::uint32_t flags = 0) const {
    return {id, sdk::BlockDevice{dir_ + "/disk,1", "raw", flags, {}}};
  }
  static sdk::HotplugDevice Nic(std::vector<int> taps, std::vector<int> vhosts) {
    return {"eth0", sdk::NicDevice{"eth0", "02:00:00:00:00:01", 1400, taps, vhosts}};
  }
  static StatusCode CodeOf(const sdk::HotplugDevice& device, MachineKind kind = MachineKind::kQ35) {
    const Status status = CheckDevice(device, kind);
    EXPECT_TRUE(status.ok() || !status.message().empty());
    return status.code();
  }
  static Prepared Ready(const sdk::HotplugDevice& device, MachineKind kind = MachineKind::kQ35,
                        Plan plan = Plan()) {
    Inventory inventory;
    auto ready = PrepareDevice(device, kind, std::move(plan), inventory);
    EXPECT_TRUE(ready.ok()) << ready.status().message();
    return std::move(*ready);
  }
  static std::vector<std::string> Commands(const Prepared& ready) {
    std::vector<std::string> commands;
    for (const Step& step : ready.plan.steps()) commands.push_back(step.command);
    return commands;
  }
  static Json Front(const Prepared& ready) {
    return Json::parse(ready.plan.steps().back().arguments);
  }

  std::string dir_;
};

TEST_F(DeviceTest, DiskIsFileFormatLimitsAndFront) {
  const Prepared ready =
      Ready(Disk("d", SHOJI_BLOCK_READONLY | SHOJI_BLOCK_DIRECT | SHOJI_BLOCK_SHARED));
  EXPECT_THAT(Commands(ready), ElementsAre("object-add", "blockdev-add", "device_add"));
  EXPECT_EQ(ready.plan.steps()[0].undo, "object-del");
  EXPECT_EQ(ready.plan.steps()[1].undo, "blockdev-del");
  const Json node = Json::parse(ready.plan.steps()[1].arguments);
  EXPECT_EQ(node["driver"], "throttle");
  EXPECT_EQ(node["node-name"], "b-d");
  EXPECT_EQ(node["file"]["driver"], "raw");
  EXPECT_EQ(node["file"]["file"]["driver"], "file");
  EXPECT_EQ(node["file"]["file"]["filename"], dir_ + "/disk,1");
  EXPECT_EQ(node["file"]["file"]["read-only"], true);
  EXPECT_EQ(node["file"]["file"]["cache"]["direct"], true);
  EXPECT_EQ(node["file"]["file"]["cache"]["no-flush"], false);
  const Json front = Front(ready);
  EXPECT_EQ(front["driver"], "virtio-blk-pci");
  EXPECT_EQ(front["bus"], "pci-bridge-0");
  EXPECT_EQ(front["addr"], "01");
  EXPECT_EQ(front["share-rw"], true);
  EXPECT_EQ(front["id"], ready.plugged.back().Name());
}

TEST_F(DeviceTest, NamesOfLongIdsFit) {
  const std::string id(64, 'x');
  EXPECT_LE(NodeName(id).size(), 31U);
  EXPECT_NE(NodeName(id), NodeName(id.substr(1)));
  const Json front = Front(Ready(Disk(id)));
  EXPECT_EQ(front["serial"], std::string(20, 'x'));
}

TEST_F(DeviceTest, LimitsHaveAveragesAndBursts) {
  sdk::BlockLimits limits{100, 200, 10, 0, 1500};
  EXPECT_TRUE(CheckLimits("d", limits).ok());
  const Json json = Json::parse(LimitsJson(limits));
  EXPECT_EQ(json["bps-total"], 100);
  EXPECT_EQ(json["bps-total-max"], 200);
  EXPECT_EQ(json["bps-total-max-length"], 2);
  EXPECT_EQ(json["iops-total"], 10);
  EXPECT_EQ(json["iops-total-max"], 0);
  EXPECT_EQ(json["iops-total-max-length"], 1);

  limits.bytes_per_s = 201;
  EXPECT_THAT(CheckLimits("d", limits).message(), HasSubstr("burst_bytes_per_s 200"));
  EXPECT_FALSE(CheckLimits("d", {0, 1, 0, 0, 0}).ok());
  EXPECT_FALSE(CheckLimits("d", {UINT64_MAX, 0, 0, 0, 0}).ok());
  EXPECT_FALSE(CheckLimits("d", {0, 0, 0, 0, UINT64_MAX}).ok());
  EXPECT_TRUE(CheckLimits("d", {}).ok());
}

TEST_F(DeviceTest, ScsiBringsItsControllerOnce) {
  Inventory inventory;
  const auto first =
      PrepareDevice(Disk("a", SHOJI_BLOCK_SCSI), MachineKind::kQ35, Plan(), inventory);
  ASSERT_TRUE(first.ok());
  EXPECT_THAT(Commands(*first),
              ElementsAre("object-add", "blockdev-add", "device_add", "device_add"));
  const auto second =
      PrepareDevice(Disk("b", SHOJI_BLOCK_SCSI), MachineKind::kQ35, Plan(), inventory);
  ASSERT_TRUE(second.ok());
  EXPECT_THAT(Commands(*second), ElementsAre("object-add", "blockdev-add", "device_add"));
  EXPECT_EQ(Front(*second)["scsi-id"], 1);
  EXPECT_EQ(Front(*second)["bus"], inventory.ScsiController()->Name() + ".0");
  EXPECT_EQ(CodeOf(Disk("a", SHOJI_BLOCK_SCSI), MachineKind::kMicrovm), StatusCode::kUnimplemented);
}

TEST_F(DeviceTest, NicHandsItsDescriptorsOver) {
  const Prepared ready = Ready(Nic({50, 51}, {60, 61}));
  EXPECT_THAT(Commands(ready),
              ElementsAre("getfd", "getfd", "getfd", "getfd", "netdev_add", "device_add"));
  EXPECT_EQ(ready.plan.steps()[2].fd, 60);
  const Json netdev = Json::parse(ready.plan.steps()[4].arguments);
  EXPECT_EQ(netdev["fds"], "net-eth0-t0:net-eth0-t1");
  EXPECT_EQ(netdev["vhostfds"], "net-eth0-v0:net-eth0-v1");
  EXPECT_EQ(netdev["vhost"], true);
  const Json front = Front(ready);
  EXPECT_EQ(front["mq"], true);
  EXPECT_EQ(front["vectors"], 6);
  EXPECT_EQ(front["host_mtu"], 1400);

  const auto args = PlanArgs(Ready(Nic({50}, {-1}), MachineKind::kMicrovm, Plan(100)).plan);
  ASSERT_TRUE(args.ok());
  EXPECT_EQ((*args)[0], "-netdev");
  EXPECT_EQ((*args)[1], "tap,fds=100,id=net-eth0");
  EXPECT_THAT((*args)[3], HasSubstr("\"bus\":\"virtio-mmio-bus.11\""));
}

TEST_F(DeviceTest, BadNicsAreRefused) {
  EXPECT_EQ(CodeOf(Nic({-1}, {-1})), StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(Nic({}, {})), StatusCode::kInvalidArgument);
  for (const char* mac : {"", "02:00:00:00:00", "02:00:00:00:00:0g", "01:00:00:00:00:01",
                          "02-00-00-00-00-01", "02:00:00:00:00:01:02", "2:0:0:0:0:1"}) {
    EXPECT_EQ(CodeOf({"e", sdk::NicDevice{"e", mac, 0, {5}, {-1}}}), StatusCode::kInvalidArgument)
        << mac;
  }
  const std::string mac = "02:00:00:00:00:01";
  EXPECT_EQ(CodeOf({"e", sdk::NicDevice{"e", mac, 67, {5}, {-1}}}), StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf({"e", sdk::NicDevice{"e", mac, 70000, {5}, {-1}}}),
            StatusCode::kInvalidArgument);
}

TEST_F(DeviceTest, BadDisksAreRefused) {
  EXPECT_EQ(CodeOf({"d", sdk::BlockDevice{"rel", "raw", 0, {}}}), StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf({"d", sdk::BlockDevice{dir_ + "/none", "raw", 0, {}}}), StatusCode::kNotFound);
  EXPECT_EQ(CodeOf({"d", sdk::BlockDevice{dir_, "raw", 0, {}}}), StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf({"d", sdk::BlockDevice{dir_ + "/disk,1", "vmdk", 0, {}}}),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(Disk("")), StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(Disk("a,b")), StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(Disk(std::string(65, 'a'))), StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(Disk("9.a_-")), StatusCode::kOk);
}

TEST_F(DeviceTest, VfioNamesWhatIsMissing) {
  const std::string root = dir_ + "/";
  const std::string device = root + "sys/bus/pci/devices/0000:03:00.0";
  const sdk::VfioDevice vfio{"0000:03:00.0"};
  EXPECT_EQ(CheckVfio("g", {"03:00.0"}, root).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(CheckVfio("g", {"/sys/../etc"}, root).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(CheckVfio("g", vfio, root).code(), StatusCode::kNotFound);
  ASSERT_TRUE(MakeDirs(device).ok());
  EXPECT_THAT(CheckVfio("g", vfio, root).message(), HasSubstr("no driver"));
  ASSERT_EQ(symlink("../../drivers/nvme", (device + "/driver").c_str()), 0);
  EXPECT_THAT(CheckVfio("g", vfio, root).message(), HasSubstr("driver \"nvme\""));
  ASSERT_TRUE(RemoveFile(device + "/driver").ok());
  ASSERT_EQ(symlink("../../drivers/vfio-pci", (device + "/driver").c_str()), 0);
  EXPECT_THAT(CheckVfio("g", vfio, root).message(), HasSubstr("no IOMMU group"));
  ASSERT_EQ(symlink("../../../kernel/iommu_groups/7", (device + "/iommu_group").c_str()), 0);
  const Status no_group = CheckVfio("g", vfio, root);
  EXPECT_EQ(no_group.code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(no_group.message(), HasSubstr("/dev/vfio/7"));
  ASSERT_TRUE(MakeDirs(root + "dev/vfio").ok());
  ASSERT_TRUE(WriteFile(root + "dev/vfio/7", "").ok());
  EXPECT_TRUE(CheckVfio("g", vfio, root).ok());
  const Json front = Front(Ready({"g", vfio}));
  EXPECT_EQ(front["driver"], "vfio-pci");
  EXPECT_EQ(front["host"], "0000:03:00.0");
  EXPECT_EQ(Front(Ready({"g", sdk::VfioDevice{"/sys/x/y"}}))["sysfsdev"], "/sys/x/y");
}

TEST_F(DeviceTest, VhostUser) {
  const std::string socket = dir_ + "/sock";
  const auto device = [&](const std::string& type, const std::string& path, const char* tag = "t") {
    return sdk::HotplugDevice{"v", sdk::VhostUserDevice{type, path, "02:00:00:00:00:01", tag}};
  };
  EXPECT_EQ(CodeOf(device("blk", socket)), StatusCode::kNotFound);
  EXPECT_EQ(CodeOf(device("blk", dir_)), StatusCode::kInvalidArgument);
  const auto listening = ListenUnix(socket);
  ASSERT_TRUE(listening.ok());
  EXPECT_EQ(CodeOf(device("gpu", socket)), StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(device("fs", socket, "")), StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(device("blk", socket), MachineKind::kMicrovm), StatusCode::kUnimplemented);
  for (const char* type : {"blk", "scsi", "fs"}) {
    EXPECT_EQ(CodeOf(device(type, socket)), StatusCode::kOk);
    const Prepared ready = Ready(device(type, socket));
    EXPECT_THAT(Commands(ready), ElementsAre("chardev-add", "device_add"));
    EXPECT_EQ(Front(ready)["driver"], std::string("vhost-user-") + type + "-pci");
  }
  const Prepared net = Ready(device("net", socket), MachineKind::kQ35, Plan(100));
  EXPECT_THAT(Commands(net), ElementsAre("chardev-add", "netdev_add", "device_add"));
  const auto args = PlanArgs(net.plan);
  ASSERT_TRUE(args.ok());
  EXPECT_EQ((*args)[1], "socket,id=c-v,path=" + socket);
  EXPECT_EQ((*args)[3], "vhost-user,chardev=c-v,id=net-v");
}

TEST_F(DeviceTest, SharedMemoryIsAllOfIt) {
  EXPECT_TRUE(IsMemoryShared(R"([{"share":true},{"share":true}])"));
  for (const char* no : {R"([{"share":true},{"share":false}])", "[]", "{}", "[5]", "[{}]", "x",
                         R"([{"share":1}])"}) {
    EXPECT_FALSE(IsMemoryShared(no)) << no;
  }
}

TEST_F(DeviceTest, AnswersTellWhereItIs) {
  const auto answer = [this](Plugged plugged, MachineKind kind, unsigned before) {
    return AnswerOf(Disk("d"), plugged, kind, before);
  };
  EXPECT_EQ(answer({kDisk, 31, "", "d"}, MachineKind::kQ35, 0), R"({"pci_path":"02/1f"})");
  EXPECT_EQ(answer({kScsiDisk, 255, "", "d"}, MachineKind::kPc, 0), R"({"scsi_addr":"255:0"})");
  EXPECT_EQ(answer({kDisk, 10, "", "d"}, MachineKind::kMicrovm, 1), R"({"path":"/dev/vdb"})");
  EXPECT_EQ(AnswerOf({"v", sdk::VsockDevice{9}}, {kVsock, 3, "", "v"}, MachineKind::kQ35, 0),
            R"({"cid":9,"pci_path":"02/03"})");
  EXPECT_EQ(AnswerOf({"f", sdk::VhostUserDevice{"fs", "/s", "", "tag"}}, {kVhostUser, 4, "", "f"},
                     MachineKind::kQ35, 0),
            R"({"mount_tag":"tag","pci_path":"02/04"})");
}

TEST_F(DeviceTest, BootDevicesHavePlacesAndCopies) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd first(ends[0]);
  const UniqueFd second(ends[1]);
  const auto boot = PrepareBootDevices({Disk("a"), Nic({ends[0], ends[1]}, {-1, -1}), Disk("b")},
                                       MachineKind::kQ35, false);
  ASSERT_TRUE(boot.ok()) << boot.status().message();
  ASSERT_EQ(boot->fds.size(), 2U);
  EXPECT_EQ(boot->fds[1].second, kFirstDeviceFd + 1);
  EXPECT_NE(boot->fds[0].first.get(), ends[0]);
  EXPECT_THAT(boot->args.back(), HasSubstr("\"addr\":\"03\""));
  EXPECT_EQ(PrepareBootDevices({Disk("a"), Disk("a")}, MachineKind::kQ35, false).status().code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(PrepareBootDevices({Disk("a")}, MachineKind::kOther, false).status().code(),
            StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace shoji::qemu
