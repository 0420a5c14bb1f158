#include "place.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mounts.h"
#include "shoji/base/file.h"
#include "shoji/base/private_mounts.h"
#include "socket_lock.h"

namespace shoji::cache {
namespace {

bool OwnMounts() {
  static const bool own = unshare(CLONE_NEWNS) == 0 && MakeMountsPrivate().ok();
  return own;
}

bool IsLink(const std::string& path) {
  struct stat info {};
  return lstat(path.c_str(), &info) == 0 && S_ISLNK(info.st_mode);
}

bool Locked(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDWR | O_CLOEXEC));
  return fd && flock(fd.get(), LOCK_EX | LOCK_NB) < 0;
}

class PlaceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(OwnMounts()) << "needs root: a mount namespace of its own";
    std::string path = "/tmp/place-test-XXXXXX";
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    root_ = path;
    sandbox_ = root_ + "/sandboxes/web";
    ASSERT_TRUE(MakeDirs(HeldDir(sandbox_)).ok());
  }
  void TearDown() override {
    EXPECT_TRUE(UnmountBelow(root_).ok());
    EXPECT_TRUE(RemoveTree(root_).ok());
  }
  Place New() {
    auto place = Place::Make(root_, true);
    EXPECT_TRUE(place.ok()) << place.status().message();
    return std::move(*place);
  }

  std::string root_;
  std::string sandbox_;
};

TEST_F(PlaceTest, GoesWithItsObject) {
  std::string dir;
  {
    const Place place = New();
    dir = place.dir();
    EXPECT_TRUE(PathExists(dir + "/vm"));
    EXPECT_TRUE(Locked(dir + "/owner"));
  }
  EXPECT_FALSE(PathExists(dir));
}

TEST_F(PlaceTest, WhatIsMountedLaterShows) {
  Place place = New();
  ASSERT_TRUE(MakeDirs(place.dir() + "/mounts/one").ok());
  ASSERT_EQ(mount("tmpfs", (place.dir() + "/mounts/one").c_str(), "tmpfs", 0, nullptr), 0);
  ASSERT_TRUE(WriteFile(place.dir() + "/mounts/one/file", "seen").ok());
  EXPECT_EQ(*ReadFile(place.dir() + "/share/one/file"), "seen");
  EXPECT_NE(mkdir((place.dir() + "/share/two").c_str(), 0700), 0) << "read-only itself";
}

TEST_F(PlaceTest, MovesInOneStepAndKeepsItsPath) {
  Place place = New();
  ASSERT_TRUE(WriteFile(place.dir() + "/vm/file", "here").ok());
  ASSERT_TRUE(place.MoveTo(sandbox_).ok());
  const std::string real = HeldDir(sandbox_) + "/" + place.id();
  EXPECT_TRUE(IsLink(place.dir()));
  EXPECT_EQ(*ReadFile(place.dir() + "/vm/file"), "here");
  EXPECT_EQ(*ReadFile(real + "/vm/file"), "here");
  EXPECT_FALSE(Locked(real + "/owner"));
  // The mounts went along.
  ASSERT_TRUE(MakeDirs(real + "/mounts/one").ok());
  ASSERT_EQ(mount("tmpfs", (real + "/mounts/one").c_str(), "tmpfs", 0, nullptr), 0);
  ASSERT_TRUE(WriteFile(real + "/mounts/one/file", "seen").ok());
  EXPECT_EQ(*ReadFile(real + "/share/one/file"), "seen");
  const auto found = Place::FindMoved(root_, sandbox_);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->id(), place.id());
  EXPECT_TRUE(place.Remove().ok());
  EXPECT_TRUE(place.Remove().ok()) << "what is gone is gone";
  EXPECT_FALSE(PathExists(real));
  EXPECT_FALSE(PathExists(root_ + "/factory/" + found->id()));
}

TEST_F(PlaceTest, AMoveThatFailsChangesNothing) {
  Place place = New();
  ASSERT_EQ(rmdir(HeldDir(sandbox_).c_str()), 0);  // the sandbox gave up
  EXPECT_FALSE(place.MoveTo(sandbox_).ok());
  EXPECT_FALSE(place.moved());
  EXPECT_FALSE(IsLink(place.dir()));
  EXPECT_TRUE(Locked(place.dir() + "/owner"));
  EXPECT_EQ(Place::FindMoved(root_, sandbox_).status().code(), StatusCode::kNotFound);
}

TEST_F(PlaceTest, UnmountsNothingElse) {
  EXPECT_FALSE(UnmountBelow("").ok());
  EXPECT_FALSE(UnmountBelow("/").ok());
  EXPECT_FALSE(UnmountBelow("relative").ok());
}

TEST_F(PlaceTest, OneLockForASocket) {
  const std::string socket = root_ + "/deep/er/cache.sock";
  {
    const auto lock = SocketLock::Take(socket);
    ASSERT_TRUE(lock.ok()) << lock.status().message();
    const auto second = SocketLock::Take(socket);
    EXPECT_EQ(second.status().code(), StatusCode::kAlreadyExists);
    EXPECT_NE(second.status().message().find(std::to_string(getpid())), std::string::npos);
    const Deadline soon = Deadline::After(std::chrono::milliseconds(50));
    EXPECT_EQ(SocketLock::AwaitFree(socket, soon, -1).code(), StatusCode::kDeadlineExceeded);
  }
  EXPECT_TRUE(SocketLock::AwaitFree(socket, Deadline::Never(), -1).ok());
  EXPECT_FALSE(PathExists(socket + ".lock"));
  ASSERT_TRUE(WriteFile(socket + ".lock", "999999\n").ok());  // of one that was killed
  EXPECT_TRUE(SocketLock::Take(socket).ok());
  EXPECT_EQ(SocketLock::Take("relative").status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace shoji::cache
