// Saving a sandbox into files, and making one of them.
#include <gmock/gmock.h>
#include <spawn.h>
#include <sys/wait.h>

#include "fixture.h"

extern char** environ;

namespace shoji::api_test {
namespace {

class SnapshotTest : public ApiTest {
 protected:
  void SetUp() override {
    if (!Bed::OnQemu()) GTEST_SKIP() << "hypervisor process has no snapshots";
    ApiTest::SetUp();
    MakeDisk();
  }
  // The sample root file system as a disk.
  void MakeDisk() {
    std::vector<std::string> args = {"mke2fs", "-q", "-t", "ext4", "-d", Bed::SampleRootfs(),
                                     disk(),   "64M"};
    std::vector<char*> argv;
    for (std::string& arg : args) argv.push_back(arg.data());
    argv.push_back(nullptr);
    pid_t pid = 0;
    ASSERT_EQ(posix_spawnp(&pid, "mke2fs", nullptr, nullptr, argv.data(), environ), 0);
    int status = 0;
    waitpid(pid, &status, 0);
    ASSERT_EQ(status, 0) << "mke2fs";
  }
  std::string disk() const { return bed_.Path("disk.img"); }
  SandboxConfig PodOnDisk() const {
    SandboxConfig config = Bed::Pod("pod");
    config.share = false;
    StorageInfo storage;
    storage.id = "root";
    storage.kind = StorageInfo::Kind::kBlock;
    storage.source = disk();
    config.storages = {storage};
    ContainerConfig container = Bed::Container("one", kIdle);
    container.rootfs = {};
    container.rootfs.storage = "root";
    container.cmd.user = "0:0";
    config.containers = {container};
    return config;
  }
};

TEST_F(SnapshotTest, AContainerGoesOnWhereItWas) {
  const std::string dir = bed_.Path("snapshot");
  {
    auto pod = runtime_->RunSandbox(PodOnDisk());
    ASSERT_TRUE(Ok(pod));
    Exec(**pod, "one", "mkdir -p /dev/shm; echo remembered > /dev/shm/note");
    ASSERT_TRUE(Ok((*pod)->Save(dir)));
    EXPECT_EQ(Recorded("pod"), State::kRunning) << "it goes on as before";
    EXPECT_EQ(Exec(**pod, "one", "cat /dev/shm/note"), "remembered\n");
    EXPECT_TRUE(Fails(runtime_->RestoreSandbox("again", dir), StatusCode::kAlreadyExists, {"one"}));
    ASSERT_TRUE(Ok((*pod)->Delete()));
  }
  auto again = runtime_->RestoreSandbox("again", dir);
  ASSERT_TRUE(Ok(again));
  EXPECT_EQ(Recorded("again"), State::kRunning);
  EXPECT_EQ(*other_->SandboxOfContainer("one"), "again");
  EXPECT_EQ(Exec(**again, "one", "cat /dev/shm/note"), "remembered\n");
  const long guest = std::stol(Exec(**again, "one", "date +%s"));
  EXPECT_NEAR(static_cast<double>(guest), static_cast<double>(time(nullptr)), 2);
  ASSERT_TRUE(Ok((*again)->StopContainer("one")));
  ASSERT_TRUE(Ok((*again)->Delete()));
  EXPECT_TRUE(Fails(runtime_->RestoreSandbox("none", bed_.Path("nothing")), StatusCode::kDataLoss,
                    {"nothing"}));
}

}  // namespace
}  // namespace shoji::api_test
