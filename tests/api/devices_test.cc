// Devices, storages and resources, added to a running pod.
#include <gmock/gmock.h>

#include <thread>

#include "fixture.h"

namespace shoji::api_test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class DevicesTest : public PodTest {
 protected:
  static std::string Image(const std::string& name, const std::string& content) {
    std::string bytes = content;
    bytes.resize(1U << 20U, '\0');
    return bed().MakeFile(name, bytes);
  }
  static DeviceInfo Disk(const std::string& id, const std::string& content = "") {
    DeviceInfo device;
    device.id = id;
    device.host_path = Image(id + ".img", content);
    return device;
  }
  static ContainerConfig WithDisk(const std::string& id, const std::string& device) {
    ContainerConfig config = Bed::Container(id, kIdle);
    config.devices = {{device, "/dev/disk0", "rwm"}};
    return config;
  }
};

TEST_F(DevicesTest, ADiskIsAddedUsedAndRemoved) {
  const auto added = pod().AddDevice(Disk("disk", "hello disk"));
  ASSERT_TRUE(Ok(added));
  EXPECT_NE(added->address, "");
  ASSERT_THAT(other().StatusSandbox("pod")->devices, SizeIs(1));
  EXPECT_EQ(other().StatusSandbox("pod")->devices[0].info.id, "disk");
  const auto again = pod().AddDevice(added->info);
  ASSERT_TRUE(Ok(again)) << "the same once more is the same answer";
  EXPECT_EQ(again->address, added->address);
  DeviceInfo different = added->info;
  different.read_only = true;
  EXPECT_TRUE(Fails(pod().AddDevice(different), StatusCode::kAlreadyExists, {"disk"}));
  {
    const Scoped c(WithDisk("c", "disk"), true);
    EXPECT_EQ(Exec(pod(), "c", "head -c 10 /dev/disk0"), "hello disk");
    EXPECT_TRUE(Fails(pod().RemoveDevice("disk"), StatusCode::kFailedPrecondition, {"c"}));
  }
  ASSERT_TRUE(Ok(pod().RemoveDevice("disk")));
  EXPECT_TRUE(Ok(pod().RemoveDevice("disk"))) << "what is gone needs no removing";
  EXPECT_THAT(other().StatusSandbox("pod")->devices, IsEmpty());
}

TEST_F(DevicesTest, BadDevicesAreRefusedAndLeaveNothing) {
  DeviceInfo missing = Disk("missing");
  missing.host_path = bed().Path("not-there.img");
  EXPECT_TRUE(Fails(pod().AddDevice(missing), StatusCode::kNotFound, {"not-there.img"}));
  DeviceInfo id = Disk("a");
  id.id = "../x";
  EXPECT_TRUE(Fails(pod().AddDevice(id), StatusCode::kInvalidArgument, {"../x"}));
  DeviceInfo format = Disk("b");
  format.format = "vmdk";
  EXPECT_TRUE(Fails(pod().AddDevice(format), StatusCode::kInvalidArgument, {"vmdk"}));
  EXPECT_TRUE(
      Fails(pod().CreateContainer(WithDisk("c", "no-such")), StatusCode::kNotFound, {"no-such"}));
  EXPECT_THAT(other().StatusSandbox("pod")->devices, IsEmpty());
}

TEST_F(DevicesTest, ReadOnlyHolds) {
  DeviceInfo disk = Disk("ro");
  disk.read_only = true;
  ASSERT_TRUE(Ok(pod().AddDevice(disk)));
  {
    const Scoped c(WithDisk("c", "ro"), true);
    EXPECT_EQ(Exec(pod(), "c", "echo x > /dev/disk0 2>/dev/null && echo wrote || echo refused"),
              "refused\n");
  }
  ASSERT_TRUE(Ok(pod().RemoveDevice("ro")));
}

TEST_F(DevicesTest, SeveralThreadsAddAtTheSameTime) {
  constexpr int kThreads = 4;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([i] {
      EXPECT_TRUE(Ok(pod().AddDevice(Disk("d" + std::to_string(i), std::to_string(i)))));
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_THAT(other().StatusSandbox("pod")->devices, SizeIs(kThreads));
  for (int i = 0; i < kThreads; ++i) {
    {
      const Scoped c(WithDisk("c", "d" + std::to_string(i)), true);
      EXPECT_EQ(Exec(pod(), "c", "head -c 1 /dev/disk0"), std::to_string(i));
    }
    EXPECT_TRUE(Ok(pod().RemoveDevice("d" + std::to_string(i))));
  }
}

TEST_F(DevicesTest, ADirectoryIsSharedByContainers) {
  StorageInfo storage;
  storage.id = "data";
  storage.source = bed().Path("data");
  mkdir(storage.source.c_str(), 0755);
  bed().MakeFile("data/note", "noted\n");
  const auto added = pod().AddStorage(storage);
  ASSERT_TRUE(Ok(added));
  EXPECT_EQ(added->guest_path.front(), '/');
  ContainerConfig config = Bed::Container("c", kIdle);
  config.mounts = {{"data", "/mnt", "storage", {}}};
  {
    const Scoped c(config, true);
    EXPECT_EQ(Exec(pod(), "c", "cat /mnt/note; echo more > /mnt/more"), "noted\n");
    EXPECT_TRUE(Fails(pod().RemoveStorage("data"), StatusCode::kFailedPrecondition, {"c"}));
  }
  ASSERT_TRUE(Ok(pod().RemoveStorage("data")));
  EXPECT_EQ(access(bed().Path("data/more").c_str(), F_OK), 0);
  EXPECT_THAT(other().StatusSandbox("pod")->storages, IsEmpty());
}

TEST_F(DevicesTest, MemoryStorageIsTheGuests) {
  StorageInfo storage;
  storage.id = "scratch";
  storage.kind = StorageInfo::Kind::kMemory;
  storage.size_bytes = 1U << 20U;
  ASSERT_TRUE(Ok(pod().AddStorage(storage)));
  ContainerConfig config = Bed::Container("c", kIdle);
  config.mounts = {{"scratch", "/scratch", "storage", {}}};
  ContainerConfig next = config;
  next.id = "d";
  {
    const Scoped c(config, true);
    const Scoped d(next, true);
    Exec(pod(), "c", "echo kept > /scratch/file");
    EXPECT_EQ(Exec(pod(), "d", "cat /scratch/file"), "kept\n");
  }
  ASSERT_TRUE(Ok(pod().RemoveStorage("scratch")));
}

TEST_F(DevicesTest, StoragesThatDoNotExistAreRefused) {
  ContainerConfig config = Bed::Container("c", kIdle);
  config.mounts = {{"none", "/mnt", "storage", {}}};
  EXPECT_TRUE(Fails(pod().CreateContainer(config), StatusCode::kNotFound, {"none"}));
  config.mounts = {{"../../etc", "/mnt", "storage", {}}};
  EXPECT_FALSE(pod().CreateContainer(config).ok());
  StorageInfo storage;
  storage.id = "x";
  storage.source = bed().Path("not-there");
  EXPECT_TRUE(Fails(pod().AddStorage(storage), StatusCode::kNotFound, {"not-there"}));
}

TEST_F(DevicesTest, LimitsOfAContainerChange) {
  if (!Bed::OnQemu()) GTEST_SKIP() << "the control groups of this machine may lack controllers";
  ContainerConfig config = Bed::Container("c", kIdle);
  config.resources.pids_limit = 50;
  const Scoped c(config, true);
  Resources more;
  more.pids_limit = 77;
  ASSERT_TRUE(Ok(pod().UpdateContainer("c", more)));
  const auto stats = pod().StatsContainer("c");
  ASSERT_TRUE(Ok(stats));
  EXPECT_EQ(stats->pids_limit, 77U);
  EXPECT_TRUE(Fails(pod().UpdateContainer("none", more), StatusCode::kNotFound, {"none"}));
  Resources bad;
  bad.oci_json = "{";
  EXPECT_TRUE(Fails(pod().UpdateContainer("c", bad), StatusCode::kInvalidArgument));
}

// The sandbox grows by what its containers ask for, and CPUs go when they leave.
TEST_F(DevicesTest, TheSandboxGrowsWithItsContainers) {
  if (!Bed::OnQemu()) GTEST_SKIP() << "a process has no CPUs of its own";
  const auto before = other().StatusSandbox("pod");
  ASSERT_TRUE(Ok(before));
  ContainerConfig config = Bed::Container("c", kIdle);
  config.resources.cpu_quota_us = 100000;
  config.resources.cpu_period_us = 100000;
  config.resources.memory_limit = 128 << 20;
  {
    const Scoped c(config, true);
    const auto status = other().StatusSandbox("pod");
    EXPECT_EQ(status->vcpus, before->vcpus + 1);
    EXPECT_GE(status->memory_bytes, before->memory_bytes + (128U << 20U));
    EXPECT_EQ(Exec(pod(), "c", "grep -c ^processor /proc/cpuinfo"),
              std::to_string(before->vcpus + 1) + "\n");
  }
  // Emulated CPUs stay once they have come (QEMU would not survive their going); whichever way it
  // is, the record says what the guest has.
  const auto after = other().StatusSandbox("pod")->vcpus;
  EXPECT_LE(after, before->vcpus + 1);
  EXPECT_EQ(Exec(pod(), "idle", "grep -c ^processor /proc/cpuinfo"), std::to_string(after) + "\n");
}

}  // namespace
}  // namespace shoji::api_test
