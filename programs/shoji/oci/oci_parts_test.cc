// What the OCI commands understand: signals, control groups, pods, bundles, commands.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "oci/bundle.h"
#include "oci/command_check.h"
#include "oci/oci_config.h"
#include "oci/pod.h"
#include "oci/signal_name.h"
#include "shoji/base/file.h"

namespace shoji::cli {
namespace {

using ::testing::HasSubstr;

TEST(Signals, ByNameAndNumber) {
  EXPECT_EQ(*ParseSignal("TERM"), SIGTERM);
  EXPECT_EQ(*ParseSignal("SIGKILL"), SIGKILL);
  EXPECT_EQ(*ParseSignal("sigwinch"), SIGWINCH);
  EXPECT_EQ(*ParseSignal("9"), SIGKILL);
  EXPECT_EQ(*ParseSignal("RTMIN+3"), SIGRTMIN + 3);
  EXPECT_EQ(*ParseSignal("SIGRTMAX-1"), SIGRTMAX - 1);
  for (const char* bad : {"", "0", "-1", "65", "NOPE", "SIG", "RTMIN-1", "RTMIN+x", "RTMAX-99"}) {
    EXPECT_FALSE(ParseSignal(bad).ok()) << bad;
  }
}

TEST(Cgroups, BothForms) {
  EXPECT_EQ(*CgroupPathOf(""), "");
  EXPECT_EQ(*CgroupPathOf("/a/b"), "/a/b");
  EXPECT_EQ(*CgroupPathOf("a/b"), "/a/b");
  EXPECT_EQ(*CgroupPathOf("machine.slice:libpod:7f"), "/machine.slice/libpod-7f.scope");
  EXPECT_EQ(*CgroupPathOf("a-b-c.slice:cri:x"), "/a.slice/a-b.slice/a-b-c.slice/cri-x.scope");
  EXPECT_EQ(*CgroupPathOf("-.slice::x"), "/x.scope");
  EXPECT_EQ(*CgroupPathOf(":p:x"), "/system.slice/p-x.scope");
  for (const char* bad : {"a:b", "a:b:c:d", "a.slice:b:", "nope:b:c", "a/b.slice:c:d"}) {
    EXPECT_FALSE(CgroupPathOf(bad).ok()) << bad;
  }
}

TEST(Pods, AreToldByAnnotations) {
  EXPECT_FALSE(PodPlaceOf({})->is_pod);
  const auto first = PodPlaceOf(
      {{"io.kubernetes.cri.container-type", "sandbox"}, {"io.kubernetes.cri.sandbox-id", "p"}});
  EXPECT_TRUE(first->is_pod);
  EXPECT_FALSE(first->joins);
  const auto other = PodPlaceOf(
      {{"io.kubernetes.cri-o.ContainerType", "container"}, {"io.kubernetes.cri-o.SandboxID", "p"}});
  EXPECT_TRUE(other->joins);
  EXPECT_EQ(other->sandbox_id, "p");
  EXPECT_FALSE(PodPlaceOf({{"io.kubernetes.docker.type", "podsandbox"}})->joins);
  EXPECT_THAT(PodPlaceOf({{"io.kubernetes.docker.type", "container"}}).status().message(),
              HasSubstr("io.kubernetes.sandbox.id"));
  EXPECT_THAT(PodPlaceOf({{"io.kubernetes.cri-o.ContainerType", "x"}}).status().message(),
              HasSubstr("\"x\""));
}

// podman's pods without an infra container; nobody else's containers do without their sandbox.
TEST(Pods, OnlyThoseOfPodmanThatShareNothingStandAlone) {
  const auto alone = [](const char* annotations, const char* namespaces) {
    return MayStandAlone(
        nlohmann::json{{"annotations", nlohmann::json::parse(annotations)},
                       {"linux", {{"namespaces", nlohmann::json::parse(namespaces)}}}});
  };
  const char* podman = R"({"io.container.manager": "libpod"})";
  const char* own = R"([{"type": "pid"}, {"type": "ipc"}])";
  EXPECT_TRUE(alone(podman, own));
  EXPECT_FALSE(alone("{}", own));
  EXPECT_FALSE(alone(R"({"io.container.manager": "cri-o"})", own));
  EXPECT_FALSE(alone(podman, R"([{"type": "ipc", "path": "/proc/7/ns/ipc"}])"));
  EXPECT_FALSE(alone(podman, R"([{"type": "pid"}])")) << "the host's";
  EXPECT_FALSE(alone(podman, "[]"));
}

class BundleTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char dir[] = "/tmp/oci-parts-XXXXXX";
    ASSERT_NE(mkdtemp(dir), nullptr);
    dir_ = dir;
    ASSERT_TRUE(MakeDirs(dir_ + "/rootfs/bin").ok());
    ASSERT_TRUE(WriteFile(dir_ + "/rootfs/bin/run", "x", 0755).ok());
    ASSERT_TRUE(WriteFile(dir_ + "/rootfs/bin/data", "x", 0644).ok());
    ASSERT_EQ(symlink("/bin/run", (dir_ + "/rootfs/absolute").c_str()), 0);
    ASSERT_EQ(symlink("/vol/run", (dir_ + "/rootfs/away").c_str()), 0);
  }
  void TearDown() override { (void)RemoveTree(dir_); }

  Result<Bundle> Read(const std::string& text) {
    EXPECT_TRUE(WriteFile(dir_ + "/config.json", text).ok());
    return ReadBundle(dir_, "");
  }
  // Why `program` cannot be run; empty: it can, or only the guest can tell.
  std::string Reason(const std::string& program, const std::string& mounts = "[]") {
    const auto bundle = Read(R"({"ociVersion": "1.0.2", "root": {"path": "rootfs"}, "process": {
        "args": [")" + program +
                             R"("], "env": ["PATH=/sbin:/bin"]}, "mounts": )" + mounts + "}");
    if (!bundle.ok()) return bundle.status().message();
    return CheckCommand(*bundle).detail("reason");
  }

  std::string dir_;
};

TEST_F(BundleTest, OnlyWhatIsASpecification) {
  const std::string rest = R"(, "process": {"args": ["x"]}, "root": {"path": "r"}})";
  for (const char* good : {"1.0.0", "1.0.2-dev", "1.2.0+x", "1.1.0-rc.1"}) {
    EXPECT_TRUE(Read(std::string(R"({"ociVersion": ")") + good + "\"" + rest).ok()) << good;
  }
  for (const char* bad : {"\"\"", "\"1.0\"", "\"2.0.0\"", "\"0.1.0\"", "\"a.b.c\"", "1", "null"}) {
    EXPECT_FALSE(Read(std::string(R"({"ociVersion": )") + bad + rest).ok()) << bad;
  }
  for (const char* bad : {"", "{", "[]", "\"x\"", R"({"ociVersion": "1.0.2"})",
                          R"({"ociVersion": "1.0.2", "process": [], "root": {}})",
                          R"({"ociVersion": "1.0.2", "process": {}, "root": {}, "linux": 1})"}) {
    EXPECT_FALSE(Read(bad).ok()) << bad;
  }
}

TEST_F(BundleTest, CommandsAreFoundInTheRoot) {
  EXPECT_EQ(Reason("/bin/run"), "");
  EXPECT_EQ(Reason("run"), "");
  EXPECT_EQ(Reason("/absolute"), "");
  EXPECT_EQ(Reason("nope"), "command-not-found");
  EXPECT_EQ(Reason("/bin/nope"), "command-not-found");
  EXPECT_EQ(Reason("/bin/run/below"), "command-not-found");
  EXPECT_EQ(Reason("data"), "command-not-executable");
  EXPECT_EQ(Reason("/bin"), "command-not-executable");
}

TEST_F(BundleTest, WhatAMountMayBringIsLeftToTheGuest) {
  const std::string mounts = R"([{"destination": "/vol"}])";
  EXPECT_EQ(Reason("/vol/run", mounts), "");
  EXPECT_EQ(Reason("/away", mounts), "");
  EXPECT_EQ(Reason("/away"), "command-not-found");
  EXPECT_EQ(Reason("./relative"), "");
  EXPECT_EQ(Reason("nope", R"([{"destination": "/sbin"}])"), "");
}

}  // namespace
}  // namespace shoji::cli
