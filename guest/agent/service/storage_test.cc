// Storages with real mounts, in a mount namespace of the test's own.

#include "service/storage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/statfs.h>

#include "shoji/base/private_mounts.h"
#include "testing/files.h"
#include "testing/loop_disk.h"

namespace shoji::agent {
namespace {

using ::testing::HasSubstr;

class StoragesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(unshare(CLONE_NEWNS), 0);
    ASSERT_TRUE(MakeMountsPrivate().ok());
    storages_ = std::make_unique<Storages>(
        [this](const std::string& type) {
          needed_.push_back(type);
          return OkStatus();
        },
        dir_ / "sys");
  }
  static grpc::Storage Make(const std::string& driver, const std::string& source,
                            const std::string& type, const std::string& point,
                            const std::vector<std::string>& options = {}) {
    grpc::Storage storage;
    storage.set_driver(driver);
    storage.set_source(source);
    storage.set_fstype(type);
    storage.set_mount_point(point);
    for (const std::string& option : options) storage.add_options(option);
    return storage;
  }
  Result<Storages::MountPoints> Add(const std::vector<grpc::Storage>& list) {
    Storages::Requested requested;
    for (const grpc::Storage& storage : list) *requested.Add() = storage;
    return storages_->Add(requested);
  }
  static long TypeOf(const std::string& path) {
    struct statfs info {};
    return statfs(path.c_str(), &info) == 0 ? static_cast<long>(info.f_type) : -1;
  }

  testing::TempDir dir_;
  std::vector<std::string> needed_;
  std::unique_ptr<Storages> storages_;
};

TEST_F(StoragesTest, ADiskIsMountedAndGoesWithItsLastUser) {
  const testing::LoopDisk disk(dir_ / "image");
  if (disk.node().empty()) GTEST_SKIP() << disk.why();
  const auto storage = Make("blk", disk.node(), "ext4", dir_ / "disk", {"ro", "nosuid", "noload"});
  const auto first = Add({storage});
  ASSERT_TRUE(first.ok()) << first.status().message();
  EXPECT_THAT(needed_, ::testing::ElementsAre("ext4"));
  EXPECT_EQ(TypeOf(dir_ / "disk"), EXT4_SUPER_MAGIC);
  EXPECT_TRUE(PathExists(dir_ / "disk/lost+found"));
  EXPECT_FALSE(WriteFile(dir_ / "disk/x", "").ok()) << "read-only";
  const auto second = Add({storage});
  ASSERT_TRUE(second.ok());
  EXPECT_TRUE(storages_->Release(*first).ok());
  EXPECT_EQ(TypeOf(dir_ / "disk"), EXT4_SUPER_MAGIC);
  EXPECT_TRUE(storages_->Release(*second).ok());
  EXPECT_FALSE(PathExists(dir_ / "disk"));
}

TEST_F(StoragesTest, OneThatFailsUndoesTheOthers) {
  const auto added = Add({Make("ephemeral", "tmpfs", "tmpfs", dir_ / "a", {"size=1m"}),
                          Make("local", "local", "", dir_ / "b", {"mode=0700"}),
                          Make("blk", dir_ / "no-disk", "ext4", dir_ / "c")});
  EXPECT_FALSE(added.ok());
  EXPECT_THAT(added.status().message(), HasSubstr("no-disk"));
  for (const char* left : {"a", "b", "c"}) EXPECT_FALSE(PathExists(dir_ / left)) << left;
}

TEST_F(StoragesTest, ADirectoryThatWasThereStays) {
  dir_.MakeDir("mine");
  EXPECT_FALSE(Add({Make("blk", "/no/disk", "ext4", dir_ / "mine")}).ok());
  EXPECT_TRUE(PathExists(dir_ / "mine"));
}

TEST_F(StoragesTest, WrongRequestsDoNothing) {
  for (const grpc::Storage& bad :
       {Make("floppy", "x", "vfat", dir_ / "x"), Make("blk", "/dev/x", "", dir_ / "x"),
        Make("blk", "/dev/x", "ext4", "relative"), Make("local", "local", "", "")}) {
    // A good one before it shall not be mounted.
    const auto added = Add({Make("ephemeral", "tmpfs", "tmpfs", dir_ / "good"), bad});
    EXPECT_EQ(added.status().code(), StatusCode::kInvalidArgument);
    EXPECT_FALSE(PathExists(dir_ / "good"));
  }
  EXPECT_EQ(Add({Make("local", "local", "", dir_ / "l", {"mode=9"})}).status().code(),
            StatusCode::kInvalidArgument);
}

TEST_F(StoragesTest, HugePagesAreTakenAndGivenBack) {
  const std::string file = "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";
  dir_.Write(file, "3\n");
  // This file is no kernel's; the mount itself takes no page yet.
  const auto added = Add(
      {Make("ephemeral", "nodev", "hugetlbfs", dir_ / "huge", {"pagesize=2097152,size=4194304"})});
  if (added.status().sys_errno() == ENODEV) GTEST_SKIP() << "the kernel has no hugetlbfs";
  ASSERT_TRUE(added.ok()) << added.status().message();
  EXPECT_EQ(dir_.Read(file), "5");
  EXPECT_TRUE(storages_->Release(*added).ok());
  EXPECT_EQ(dir_.Read(file), "3");
  const auto none = Add({Make("ephemeral", "nodev", "hugetlbfs", dir_ / "h2", {"size=4194304"})});
  EXPECT_EQ(none.status().code(), StatusCode::kInvalidArgument);
  EXPECT_FALSE(PathExists(dir_ / "h2"));
  const auto odd =
      Add({Make("ephemeral", "nodev", "hugetlbfs", dir_ / "h3", {"pagesize=4096", "size=4096"})});
  EXPECT_EQ(odd.status().code(), StatusCode::kNotFound);
  EXPECT_EQ(dir_.Read(file), "3");
}

TEST_F(StoragesTest, BindsOneDirectory) {
  dir_.Write("from/file", "text");
  const auto added = Add({Make("ephemeral", dir_ / "from", "bind", dir_ / "to", {"rbind"})});
  ASSERT_TRUE(added.ok()) << added.status().message();
  EXPECT_EQ(dir_.Read("to/file"), "text");
  EXPECT_TRUE(storages_->Release(*added).ok());
  EXPECT_EQ(dir_.Read("from/file"), "text");
}

TEST_F(StoragesTest, WhatIsLeftGoesWithThem) {
  ASSERT_TRUE(Add({Make("ephemeral", "tmpfs", "tmpfs", dir_ / "a"),
                   Make("ephemeral", "tmpfs", "tmpfs", dir_ / "a/b")})
                  .ok());
  storages_.reset();
  EXPECT_FALSE(PathExists(dir_ / "a"));
}

}  // namespace
}  // namespace shoji::agent
