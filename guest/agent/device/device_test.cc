// Devices by their places on buses, in a sysfs of the test's own; waiting for them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <optional>
#include <string>
#include <vector>

#include "device/events.h"
#include "device/finder.h"
#include "device/gate.h"
#include "testing/fake_call.h"
#include "testing/files.h"
#include "testing/veth.h"

namespace shoji::agent {
namespace {

using ::testing::ElementsAre;
using testing::FakeOwner;
using ::testing::HasSubstr;
using testing::RunUntil;

class Devices : public ::testing::Test {
 protected:
  Devices() : finder_({dir_ / "sys", dir_ / "dev"}) {
    auto loop = Loop::Create();
    EXPECT_TRUE(loop.ok());
    loop_ = std::move(*loop);
    dir_.Write("sys/bus/pci/rescan", "");
  }
  void PlugPciDisk(const std::string& address, const std::string& name) {
    const std::string device = "sys/bus/pci/devices/" + address;
    dir_.MakeDir(device + "/virtio3/block/" + name);
    dir_.MakeNode("dev/" + name, 1);
  }
  std::string Find(const std::string& driver, const std::string& id) {
    const auto found = finder_.Find({driver, id});
    return found.ok() ? found->substr(dir_.path().size()) : found.status().message();
  }

  testing::TempDir dir_;
  DeviceFinder finder_;
  std::unique_ptr<Loop> loop_;
};

TEST_F(Devices, PciPaths) {
  EXPECT_THAT(*ParsePciPath("02/1f"), ElementsAre("02", "1f"));
  EXPECT_THAT(*ParsePciPath("03"), ElementsAre("03"));
  for (const char* bad :
       {"", "/", "2/1", "02/", "/02", "20/01", "02/0g", "02//01", "0000:00:02.0", "../02"}) {
    EXPECT_EQ(ParsePciPath(bad).status().code(), StatusCode::kInvalidArgument) << bad;
  }
}

TEST_F(Devices, ADiskBehindABridge) {
  dir_.MakeDir("sys/bus/pci/devices/0000:00:02.0/pci_bus/0000:01");
  EXPECT_THAT(Find("blk", "02/05"), HasSubstr("no PCI device 0000:01:05.0"));
  dir_.MakeDir("sys/bus/pci/devices/0000:01:05.0/virtio3");
  EXPECT_THAT(Find("blk", "02/05"), HasSubstr("no disk"));
  dir_.MakeDir("sys/bus/pci/devices/0000:01:05.0/virtio3/block/vdb");
  EXPECT_THAT(Find("blk", "02/05"), HasSubstr("no block device")) << "the node comes later";
  dir_.MakeNode("dev/vdb", 1);
  EXPECT_EQ(Find("blk", "02/05"), "/dev/vdb");
  EXPECT_EQ(Find("vfio", "02/05"), "/sys/bus/pci/devices/0000:01:05.0");
  EXPECT_THAT(Find("blk", "05/01"), HasSubstr("0000:00:05.0"));
}

TEST_F(Devices, SlotsAreHexadecimalAndDeep) {
  dir_.MakeDir("sys/bus/pci/devices/0000:00:0a.0/pci_bus/0000:01");
  dir_.MakeDir("sys/bus/pci/devices/0000:01:1f.0/pci_bus/0000:02");
  PlugPciDisk("0000:02:00.0", "vdc");
  EXPECT_EQ(Find("blk", "0A/1f/00"), "/dev/vdc");
  PlugPciDisk("0000:00:03.0", "vda");
  EXPECT_EQ(Find("blk", "03"), "/dev/vda");
  EXPECT_THAT(Find("blk", "03/01"), HasSubstr("is no bridge"));
}

TEST_F(Devices, AnNvmeDisk) {
  dir_.MakeDir("sys/bus/pci/devices/0000:00:06.0/nvme/nvme0/nvme0n1/queue");
  dir_.MakeNode("dev/nvme0n1", 1);
  EXPECT_EQ(Find("blk", "06"), "/dev/nvme0n1");
}

TEST_F(Devices, ScsiAndNamedDisks) {
  dir_.Write("sys/class/scsi_host/host0/scan", "");
  dir_.Write("sys/class/scsi_host/host1/scan", "");
  finder_.Rescan({"scsi", "3:1"});
  EXPECT_EQ(dir_.Read("sys/class/scsi_host/host0/scan"), "0 3 1");
  EXPECT_EQ(dir_.Read("sys/class/scsi_host/host1/scan"), "0 3 1");
  EXPECT_THAT(Find("scsi", "3:1"), HasSubstr("no scsi device 3:1"));
  dir_.MakeDir("sys/bus/scsi/devices/1:0:3:1/block/sda");
  dir_.MakeDir("sys/bus/scsi/devices/1:0:13:1/block/sdz");
  dir_.MakeNode("dev/sda", 1);
  EXPECT_EQ(Find("scsi", "3:1"), "/dev/sda");

  EXPECT_THAT(Find("nvdimm", "/dev/pmem0"), HasSubstr("no block device"));
  dir_.MakeNode("dev/pmem0", 2);
  EXPECT_EQ(Find("nvdimm", "/dev/pmem0"), "/dev/pmem0");
  EXPECT_EQ(Find("mmioblk", "/dev/pmem0"), "/dev/pmem0");
}

TEST_F(Devices, IdsThatNoDeviceHas) {
  const auto refused = [this](const char* driver, const char* id) {
    return finder_.Check({driver, id}).code() == StatusCode::kInvalidArgument;
  };
  for (const char* id : {"", "3", "3:", ":1", "a:1", "-1:1", "1:2:3", "99999:1"}) {
    EXPECT_TRUE(refused("scsi", id)) << id;
  }
  for (const char* id : {"", "pmem0", "/dev/", "/dev/../etc/x", "/etc/x", "02/01"}) {
    EXPECT_TRUE(refused("nvdimm", id)) << id;
  }
  EXPECT_TRUE(refused("blk", "vda"));
  EXPECT_TRUE(refused("vfio", "/dev/vda"));
  EXPECT_FALSE(refused("blk", "/dev/vda"));
  EXPECT_FALSE(refused("blk", "02/01"));
}

class Waiting : public Devices {
 protected:
  void SetUp() override {
    ASSERT_EQ(unshare(CLONE_NEWNET), 0);
    events_ = std::make_unique<DeviceEvents>(loop_.get());
  }
  // The kernel announces something.
  static void Announce(const std::string& name) {
    ASSERT_TRUE(testing::MakeVeth(name, "02:00:00:00:00:01", name + "p", "02:00:00:00:00:02").ok());
  }
  std::unique_ptr<DeviceEvents> events_;
};

TEST_F(Waiting, UntilTheKernelAnnouncesIt) {
  bool there = false;
  std::optional<Status> told;
  int kicks = 0;
  events_->Await(std::chrono::seconds(20), {"it", [&] { ++kicks; }, [&] { return there; },
                                            [&](const Status& s) { told = s; }});
  EXPECT_EQ(kicks, 1);
  // After the first look, which finds nothing.
  loop_->After(std::chrono::milliseconds(20), [&] {
    EXPECT_FALSE(told);
    there = true;
    Announce("a");
  });
  RunUntil(loop_.get(), [&] { return told.has_value(); });
  EXPECT_TRUE(told->ok()) << told->message();
}

TEST_F(Waiting, HasAnEnd) {
  std::optional<Status> told;
  events_->Await(std::chrono::milliseconds(10),
                 {"the disk", nullptr, [] { return false; }, [&](const Status& s) { told = s; }});
  RunUntil(loop_.get(), [&] { return told.has_value(); });
  EXPECT_EQ(told->code(), StatusCode::kDeadlineExceeded);
  EXPECT_THAT(told->message(), HasSubstr("the disk"));
}

TEST_F(Waiting, IsCancelled) {
  bool told = false;
  bool other = false;
  const auto never = [] { return false; };
  const auto id = events_->Await(std::chrono::milliseconds(5),
                                 {"x", nullptr, never, [&](const Status&) { told = true; }});
  events_->Await(std::chrono::milliseconds(30),
                 {"y", nullptr, never, [&](const Status&) { other = true; }});
  events_->Cancel(id);
  events_->Cancel(id);
  RunUntil(loop_.get(), [&] { return other; });
  EXPECT_FALSE(told);
}

TEST_F(Waiting, TheGateGoesOnWithPaths) {
  DeviceGate gate(events_.get(), &finder_, std::chrono::seconds(20),
                  [](const std::string&) { return OkStatus(); });
  FakeOwner owner;
  std::vector<std::string> paths;
  const auto call = owner.MakeCall();
  PlugPciDisk("0000:00:03.0", "vda");
  gate.Pass(call, {{"blk", "03"}, {"blk", "04"}}, [&](const auto& found) { paths = found; });
  loop_->After(std::chrono::milliseconds(20), [&] {
    EXPECT_TRUE(paths.empty());
    EXPECT_EQ(dir_.Read("sys/bus/pci/rescan"), "1");
    PlugPciDisk("0000:00:04.0", "vdb");
    Announce("b");
  });
  RunUntil(loop_.get(), [&] { return !paths.empty(); });
  EXPECT_THAT(paths, ElementsAre(dir_ / "dev/vda", dir_ / "dev/vdb"));
  EXPECT_FALSE(owner.answered);
}

TEST_F(Waiting, TheGateNamesWhatIsMissing) {
  DeviceGate gate(events_.get(), &finder_, std::chrono::milliseconds(10),
                  [](const std::string& driver) {
                    return driver == "scsi" ? NotFound("no such module") : OkStatus();
                  });
  bool went_on = false;
  const auto go_on = [&](const auto&) { went_on = true; };
  FakeOwner late;
  auto call = late.MakeCall();
  gate.Pass(call, {{"blk", "04"}}, go_on);
  RunUntil(loop_.get(), [&] { return late.answered; });
  EXPECT_EQ(late.status.code(), StatusCode::kDeadlineExceeded);
  EXPECT_THAT(late.status.message(), HasSubstr("blk device 04"));
  FakeOwner wrong;
  call = wrong.MakeCall();
  gate.Pass(call, {{"blk", "04"}, {"nvdimm", "x"}}, go_on);
  EXPECT_EQ(wrong.status.code(), StatusCode::kInvalidArgument);
  FakeOwner missing;
  call = missing.MakeCall();
  gate.Pass(call, {{"scsi", "1:1"}}, go_on);
  EXPECT_EQ(missing.status.code(), StatusCode::kNotFound);
  EXPECT_FALSE(went_on);
}

TEST_F(Waiting, TheGateForgetsAClientThatHasGone) {
  DeviceGate gate(events_.get(), &finder_, std::chrono::milliseconds(10),
                  [](const std::string&) { return OkStatus(); });
  bool went_on = false;
  FakeOwner owner;
  const auto call = owner.MakeCall();
  gate.Pass(call, {{"blk", "04"}}, [&](const auto&) { went_on = true; });
  call->Abandon();
  PlugPciDisk("0000:00:04.0", "vda");
  Announce("c");
  bool over = false;
  loop_->After(std::chrono::milliseconds(40), [&] { over = true; });
  RunUntil(loop_.get(), [&] { return over; });
  EXPECT_FALSE(went_on || owner.answered);
}

}  // namespace
}  // namespace shoji::agent
