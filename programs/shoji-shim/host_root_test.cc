#include "host_root.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <functional>

#include "shoji/base/file.h"

namespace shoji::shim {
namespace {

// A sandbox with a container "web": root file system, a directory and a file as volumes.
class HostRootTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(geteuid(), 0U) << "needs root: a mount namespace of its own";
    char name[] = "/tmp/hostroot-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    dir_ = name;
    for (const char* path : {"/mounts/web/rootfs/data", "/mounts/web/rootfs/proc",
                             "/mounts/web/rootfs/etc", "/mounts/web-0-data"}) {
      ASSERT_TRUE(MakeDirs(dir_ + path).ok());
    }
    Put("/mounts/web/rootfs/etc/hosts", "image");
    Put("/mounts/web-0-data/file", "volume");
    Put("/mounts/web-1-hosts", "hosts of the engine");
  }
  void TearDown() override { EXPECT_TRUE(RemoveTree(dir_).ok()); }

  void Put(const std::string& path, const std::string& text) const {
    ASSERT_TRUE(WriteFile(dir_ + path, text).ok());
  }
  void Volumes(const std::string& text) const { Put("/mounts/web/volumes", text); }
  // In a process that has entered: true is what is expected.
  testing::AssertionResult Inside(const std::function<bool()>& check) const {
    const pid_t child = fork();
    if (child == 0) {
      const Status entered = EnterHostRoot(dir_, "web");
      if (!entered.ok()) fprintf(stderr, "%s\n", entered.message().c_str());
      _exit(entered.ok() && check() ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    return status == 0 ? testing::AssertionSuccess() : testing::AssertionFailure();
  }
  static std::string Text(const std::string& path) {
    const auto text = ReadFile(path);
    return text.ok() ? *text : text.status().message();
  }

  std::string dir_;
};

const std::string kVolumes("web-0-data\0/data\0rw\0web-1-hosts\0/etc/hosts\0ro\0", 45);

TEST_F(HostRootTest, RootAndVolumesAreTheContainers) {
  Volumes(kVolumes);
  EXPECT_TRUE(Inside([] {
    return Text("/etc/hosts") == "hosts of the engine" && Text("/data/file") == "volume" &&
           !PathExists("/mounts") && !PathExists("/usr") && PathExists("/proc/self/status");
  }));
}

TEST_F(HostRootTest, WhatIsWrittenIsInTheVolumeAndReadOnlyStaysSo) {
  Volumes(kVolumes);
  EXPECT_TRUE(Inside([] {
    return WriteFile("/data/new", "written").ok() && WriteFile("/made", "root").ok() &&
           !WriteFile("/etc/hosts", "x").ok();
  }));
  EXPECT_EQ(Text(dir_ + "/mounts/web-0-data/new"), "written");
  EXPECT_EQ(Text(dir_ + "/mounts/web/rootfs/made"), "root");
  EXPECT_EQ(Text(dir_ + "/mounts/web-1-hosts"), "hosts of the engine");
}

TEST_F(HostRootTest, LinksOfTheImageLeadNowhereElse) {
  ASSERT_EQ(symlink("/tmp", (dir_ + "/mounts/web/rootfs/out").c_str()), 0);
  Volumes(std::string("web-0-data\0/out\0rw\0web-0-data\0/missing\0rw\0", 41));
  EXPECT_TRUE(Inside([] { return !PathExists("/out/file") && !PathExists("/missing"); }));
}

TEST_F(HostRootTest, WithoutARootFileSystemNothingChanges) {
  ASSERT_TRUE(RemoveTree(dir_ + "/mounts/web").ok());
  EXPECT_TRUE(Inside([this] { return PathExists(dir_ + "/mounts"); }));
}

TEST_F(HostRootTest, AVolumeThatIsGoneIsAnError) {
  Volumes(std::string("web-7-gone\0/data\0rw\0", 20));
  EXPECT_FALSE(Inside([] { return true; }));
}

}  // namespace
}  // namespace shoji::shim
