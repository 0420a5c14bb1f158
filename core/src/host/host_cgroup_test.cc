#include "host/host_cgroup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "shoji/base/file.h"
#include "shoji/spawn/spawn.h"
#include "testing/fake_plugins.h"

namespace shoji {
namespace {

using ::testing::HasSubstr;

TEST(CgroupHost, KnowsEveryKindOfHost) {
  const CgroupHost v2 =
      CgroupHost::Parse("25 1 0:22 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n");
  ASSERT_EQ(v2.hierarchies().size(), 1U);
  EXPECT_TRUE(v2.hierarchies()[0].v2);
  EXPECT_EQ(v2.hierarchies()[0].mount, "/sys/fs/cgroup");
  const CgroupHost hybrid = CgroupHost::Parse(
      "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
      "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
      "34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
      "35 31 0:31 / /elsewhere rw - cgroup cgroup rw,cpuset\n"
      "36 31 0:33 /docker/x /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
      "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
      "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n");
  ASSERT_EQ(hybrid.hierarchies().size(), 3U);
  EXPECT_FALSE(hybrid.hierarchies()[0].cpuset);
  EXPECT_TRUE(hybrid.hierarchies()[1].cpuset);
  EXPECT_EQ(hybrid.hierarchies()[1].mount, "/sys/fs/cgroup/cpuset");
  EXPECT_TRUE(hybrid.hierarchies()[2].v2);
  EXPECT_TRUE(CgroupHost::Parse("nothing\n").hierarchies().empty());
}

// A tree of directories that stands for a v1 cpuset and a v2 hierarchy.
class FakeTree : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"/set", "/two"}) ASSERT_TRUE(MakeDirs(dir_.path() + name).ok());
  }
  CgroupHost Host() const {
    return CgroupHost::Parse("1 1 0:1 / " + dir_.path() + "/set rw - cgroup cgroup rw,freezer\n" +
                             "2 1 0:2 / " + dir_.path() + "/two rw - cgroup2 cgroup2 rw\n");
  }
  testing::TempDir dir_;
};

TEST_F(FakeTree, IsMadeJoinedAndRemovedEverywhere) {
  const CgroupHost host = Host();
  const std::string group = CgroupName("/run/shoji", "/pods/", "web");
  ASSERT_TRUE(host.Make(group).ok());
  EXPECT_TRUE(host.Make(group).ok()) << "again";
  EXPECT_TRUE(host.Exists(group));
  for (const char* name : {"/set", "/two"}) {
    const std::string procs = dir_.path() + name + group + "/cgroup.procs";
    ASSERT_TRUE(WriteFile(procs, "").ok());
  }
  ASSERT_TRUE(host.Join(group, 4711).ok());
  for (const char* name : {"/set", "/two"}) {
    const std::string procs = dir_.path() + name + group + "/cgroup.procs";
    EXPECT_EQ(*ReadFile(procs), "4711");
    ASSERT_TRUE(RemoveFile(procs).ok());
  }
  ASSERT_EQ(host.Children("/pods").size(), 1U);
  EXPECT_EQ(SandboxOfCgroup("/run/shoji", "/pods/" + host.Children("/pods")[0]), "web");
  ASSERT_TRUE(host.Remove(group).ok());
  EXPECT_TRUE(host.Remove(group).ok()) << "again";
  EXPECT_FALSE(host.Exists(group));
}

TEST_F(FakeTree, FailureLeavesNothingAndNamesPathAndReason) {
  const CgroupHost host = Host();
  ASSERT_TRUE(WriteFile(dir_.path() + "/two/pods", "a file in the way").ok());
  const Status failed = host.Make("/pods/x");
  EXPECT_THAT(failed.message(), HasSubstr(dir_.path() + "/two/pods/x"));
  EXPECT_EQ(failed.sys_errno(), ENOTDIR);
  EXPECT_FALSE(PathExists(dir_.path() + "/set/pods"));
  const Status missing = host.Join("/nobody", 1);
  EXPECT_THAT(missing.message(), HasSubstr("/set/nobody/cgroup.procs"));
  EXPECT_EQ(missing.sys_errno(), ENOENT);
  EXPECT_EQ(CgroupHost::Parse("").Make("/x").code(), StatusCode::kFailedPrecondition);
}

TEST(HostCgroup, NamesTellRootsApart) {
  const std::string group = CgroupName("/run/shoji", "/", "web");
  EXPECT_EQ(group.rfind("/shoji-", 0), 0U);
  EXPECT_EQ(SandboxOfCgroup("/run/shoji", group), "web");
  EXPECT_EQ(SandboxOfCgroup("/run/other", group), "");
  EXPECT_EQ(SandboxOfCgroup("/run/shoji", "/shoji-web"), "");
  EXPECT_EQ(SandboxOfCgroup("/run/shoji", "/"), "");
}

TEST(HostCgroup, NotesAreReadAsWritten) {
  for (const CgroupNote& note : {CgroupNote{"/pods/web", "/pods"}, CgroupNote{"/web", ""}}) {
    const CgroupNote read = CgroupNote::Parse(note.ToText());
    EXPECT_EQ(read.group, note.group);
    EXPECT_EQ(read.new_parent, note.new_parent);
  }
  EXPECT_EQ(CgroupNote::Parse("/as-an-older-one-wrote-it").group, "/as-an-older-one-wrote-it");
  EXPECT_EQ(CgroupNote::Parse("").group, "");
}

TEST(HostCgroup, ParentsAreChecked) {
  EXPECT_TRUE(ValidateCgroupParent("/").ok());
  EXPECT_TRUE(ValidateCgroupParent("/kubepods/pod7").ok());
  for (const char* bad : {"", "pods", "/a/../b", "machine.slice:shoji:web"}) {
    EXPECT_EQ(ValidateCgroupParent(bad).code(), StatusCode::kInvalidArgument) << bad;
  }
}

// On the machine's own hierarchies, where they may be written.
TEST(HostCgroup, HoldsProcessesOfThisMachine) {
  const auto host = CgroupHost::Find();
  ASSERT_TRUE(host.ok());
  const std::string parent = "/hostcgroup-test-" + std::to_string(getpid());
  const std::string group = CgroupName("/run/shoji", parent, "web");
  if (const Status made = host->Make(group); !made.ok()) {
    GTEST_SKIP() << "no control groups can be made here: " << made.message();
  }
  SpawnOptions options;
  options.argv = {"sleep", "1000"};
  auto child = Spawn(options);
  ASSERT_TRUE(child.ok());
  EXPECT_TRUE(host->Join(group, child->pid()).ok());
  const auto groups = ReadFile("/proc/" + std::to_string(child->pid()) + "/cgroup");
  EXPECT_THAT(*groups, HasSubstr(group));
  EXPECT_TRUE(host->Remove(group).ok()) << "it ends what is left in it";
  const auto exit = child->Wait(Deadline::After(std::chrono::seconds(10)));
  ASSERT_TRUE(exit.ok());
  EXPECT_EQ(exit->signal, SIGKILL);
  EXPECT_TRUE(host->Join(group, child->pid()).sys_errno() == ENOENT);
  EXPECT_TRUE(host->Remove(parent).ok());
  EXPECT_FALSE(host->Exists(parent));
}

}  // namespace
}  // namespace shoji
