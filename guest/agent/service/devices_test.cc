// Numbers of devices in specifications.

#include "service/devices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/files.h"

// Macros that hide the fields of these names.
#undef major
#undef minor

namespace shoji::agent {
namespace {

using ::testing::HasSubstr;

class SpecDevices : public ::testing::Test {
 protected:
  SpecDevices() : finder_({dir_ / "sys", dir_ / "dev"}) {}

  grpc::Device* AddDevice(const std::string& type, const std::string& id, const std::string& path) {
    grpc::Device* device = request_.add_devices();
    device->set_type(type);
    device->set_id(id);
    device->set_container_path(path);
    return device;
  }
  void AddToSpec(const std::string& path, int major, int minor) {
    grpc::LinuxDevice* device = request_.mutable_oci()->mutable_linux()->add_devices();
    device->set_path(path);
    device->set_type("b");
    device->set_major(major);
    device->set_minor(minor);
  }
  void AddRule(const std::string& type, int major, int minor) {
    auto* rule = request_.mutable_oci()->mutable_linux()->mutable_resources()->add_devices();
    rule->set_type(type);
    rule->set_major(major);
    rule->set_minor(minor);
  }
  std::string Rule(int i) {
    const auto& rule = request_.oci().linux().resources().devices(i);
    return rule.type() + std::to_string(rule.major()) + ":" + std::to_string(rule.minor());
  }
  std::string InSpec(int i) {
    const auto& device = request_.oci().linux().devices(i);
    return device.path() + " " + device.type() + std::to_string(device.major()) + ":" +
           std::to_string(device.minor());
  }

  testing::TempDir dir_;
  DeviceFinder finder_;
  grpc::CreateContainerRequest request_;
};

TEST_F(SpecDevices, NumbersAreTheGuests) {
  dir_.MakeNode("dev/vdb", 1);
  dir_.MakeNode("dev/vdc", 2);
  AddDevice("blk", "02/01", "/dev/first");
  AddDevice("blk", "02/02", "/dev/second");
  AddToSpec("/dev/second", 7, 1);  // what the guest calls the first one
  AddToSpec("/dev/first", 8, 16);
  AddRule("b", 7, 1);
  AddRule("b", 8, 16);
  AddRule("c", 7, 1);
  AddRule("b", 9, 9);
  const Status put = PutDevices(finder_, {dir_ / "dev/vdb", dir_ / "dev/vdc"}, &request_);
  ASSERT_TRUE(put.ok()) << put.message();
  EXPECT_EQ(InSpec(0), "/dev/second b7:2");
  EXPECT_EQ(InSpec(1), "/dev/first b7:1");
  EXPECT_EQ(Rule(0), "b7:2");
  EXPECT_EQ(Rule(1), "b7:1") << "only once, though the new number is the other's old one";
  EXPECT_EQ(Rule(2), "c7:1");
  EXPECT_EQ(Rule(3), "b9:9");
}

TEST_F(SpecDevices, WithoutResourcesOrInTheSpec) {
  dir_.MakeNode("dev/vdb", 1);
  AddDevice("scsi", "0:1", "/dev/first");
  const Status missing = PutDevices(finder_, {dir_ / "dev/vdb"}, &request_);
  EXPECT_EQ(missing.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(missing.message(), HasSubstr("/dev/first is not in linux.devices"));
  AddToSpec("/dev/first", 1, 1);
  EXPECT_TRUE(PutDevices(finder_, {dir_ / "dev/vdb"}, &request_).ok());
  EXPECT_FALSE(request_.oci().linux().has_resources());
  EXPECT_FALSE(PutDevices(finder_, {dir_ / "dev/none"}, &request_).ok());
  dir_.Write("dev/file", "");
  EXPECT_EQ(PutDevices(finder_, {dir_ / "dev/file"}, &request_).code(),
            StatusCode::kInvalidArgument);
}

TEST_F(SpecDevices, Names) {
  AddDevice("blk", "02/01", "/dev/a");
  AddDevice("nvdimm", "0", "/dev/b")->set_vm_path("/dev/pmem0");
  AddDevice("blk", "", "/dev/c")->set_vm_path("/dev/vdz");
  AddDevice("vfio", "x", "/dev/vfio/3")->add_options("0000:1a:00.0=02/03");
  const auto names = NamesOfDevices(request_.devices());
  ASSERT_TRUE(names.ok()) << names.status().message();
  ASSERT_EQ(names->size(), 4U);
  EXPECT_EQ((*names)[0].Text(), "blk device 02/01");
  EXPECT_EQ((*names)[1].Text(), "nvdimm device /dev/pmem0");
  EXPECT_EQ((*names)[2].Text(), "blk device /dev/vdz");
  EXPECT_EQ((*names)[3].Text(), "vfio device 02/03");
}

TEST_F(SpecDevices, WrongRequests) {
  const auto refused = [this] {
    const auto names = NamesOfDevices(request_.devices());
    request_.clear_devices();
    return names.status().code() == StatusCode::kInvalidArgument;
  };
  AddDevice("floppy", "1", "/dev/a");
  EXPECT_TRUE(refused());
  AddDevice("blk", "", "/dev/a");
  EXPECT_TRUE(refused());
  AddDevice("blk", "02/01", "");
  EXPECT_TRUE(refused());
  AddDevice("vfio", "", "/dev/vfio/1")->add_options("0000:1a:00.0");
  EXPECT_TRUE(refused());
}

TEST_F(SpecDevices, VfioIsBoundAndRenamed) {
  const std::string device = "sys/bus/pci/devices/0000:00:05.0";
  dir_.Write(device + "/driver_override", "");
  dir_.Write("sys/bus/pci/drivers/e1000/unbind", "");
  dir_.Write("sys/bus/pci/drivers_probe", "");
  std::filesystem::create_symlink(dir_ / "sys/bus/pci/drivers/e1000", dir_ / (device + "/driver"));
  std::filesystem::create_symlink("../../../kernel/iommu_groups/12",
                                  dir_ / (device + "/iommu_group"));
  dir_.MakeNode("dev/vfio/12", 3);
  AddDevice("vfio", "", "/dev/vfio/3")->add_options("0000:1a:00.0=05");
  AddToSpec("/dev/vfio/3", 240, 3);
  const Status put = PutDevices(finder_, {dir_ / device}, &request_);
  ASSERT_TRUE(put.ok()) << put.message();
  EXPECT_EQ(InSpec(0), "/dev/vfio/12 b7:3");
  EXPECT_EQ(dir_.Read(device + "/driver_override"), "vfio-pci");
  EXPECT_EQ(dir_.Read("sys/bus/pci/drivers/e1000/unbind"), "0000:00:05.0");
  EXPECT_EQ(dir_.Read("sys/bus/pci/drivers_probe"), "0000:00:05.0");
}

}  // namespace
}  // namespace shoji::agent
