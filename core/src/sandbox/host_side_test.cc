// Hooks, annotations, assets and the control group over the whole life of a sandbox.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/host_cgroup.h"
#include "sandbox/management.h"
#include "shoji/base/file.h"
#include "testing/fake_plugins.h"

namespace shoji {
namespace {

using ::testing::HasSubstr;

class HostSideTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(MakeDirs(dir_.path() + "/rootfs").ok()); }
  void TearDown() override { context_->ForgetAll(); }

  // Writes a line; the state it got must be that of container "one".
  Hook Note(const std::string& line, const std::string& status) const {
    Hook hook;
    hook.path = "/bin/sh";
    hook.args = {"sh", "-c",
                 "read state; case \"$state\" in *'\"id\":\"one\"'*'\"status\":\"" + status +
                     "\"'*) echo " + line + " >> " + File("notes") + ";; *) exit 1; esac"};
    return hook;
  }
  SandboxConfig Pod() const {
    ContainerConfig container;
    container.id = "one";
    container.rootfs.source = File("rootfs");
    container.cmd.args = {"/bin/true"};
    container.hooks.prestart = {Note("prestart", "creating")};
    container.hooks.poststart = {Note("poststart", "running")};
    container.hooks.poststop = {Note("poststop", "stopped")};
    SandboxConfig config;
    config.id = "pod";
    config.containers = {container};
    return config;
  }
  static Settings Allowing(std::vector<std::string> annotations) {
    Settings settings;
    settings.annotations = std::move(annotations);
    return settings;
  }
  std::string File(const std::string& name) const { return dir_.path() + "/" + name; }
  std::string Notes() const {
    auto text = ReadFile(File("notes"));
    return text.ok() ? *text : "";
  }

  const bool in_namespace_ = testing::EnterMountNamespace();
  testing::TempDir dir_;
  testing::FakeWorld world_{dir_.path()};
  std::shared_ptr<Context> context_ =
      testing::MakeFakeContext(world_, Allowing({"dev.shoji.vcpus", "dev.shoji.memory"}));
  Management management_{context_};
};

TEST_F(HostSideTest, HooksRunInPairsAtTheirTime) {
  auto pod = management_.Create(Pod());
  ASSERT_TRUE(pod.ok()) << pod.status().message();
  EXPECT_EQ(Notes(), "prestart\n");
  ASSERT_TRUE((*pod)->Start().ok());
  EXPECT_EQ(Notes(), "prestart\npoststart\n");
  ASSERT_TRUE((*pod)->Stop(true).ok());
  EXPECT_EQ(Notes(), "prestart\npoststart\npoststop\n");
  ASSERT_TRUE((*pod)->Start().ok());
  ASSERT_TRUE((*pod)->StopContainer("one", true).ok());
  ASSERT_TRUE((*pod)->DeleteContainer("one").ok());
  const std::string twice = "prestart\npoststart\npoststop\nprestart\npoststart\npoststop\n";
  EXPECT_EQ(Notes(), twice);
  ASSERT_TRUE((*pod)->Delete().ok());
  EXPECT_EQ(Notes(), twice) << "once each";
}

TEST_F(HostSideTest, FailingPrestartTakesTheContainerBack) {
  SandboxConfig config = Pod();
  Hook bad;
  bad.path = "/bin/sh";
  bad.args = {"sh", "-c", "echo no network >&2; exit 7"};
  config.containers[0].hooks.prestart.push_back(bad);
  const Status created = management_.Create(config).status();
  EXPECT_EQ(created.code(), StatusCode::kAborted);
  EXPECT_THAT(created.message(), HasSubstr("prestart hook 1 (/bin/sh)"));
  EXPECT_THAT(created.message(), HasSubstr("exit status 7: no network"));
  EXPECT_EQ(Notes(), "prestart\npoststop\n");
  EXPECT_EQ(world_.Count("agent.create_container"), 0);
  EXPECT_FALSE(PathExists(world_.root() + "/sandboxes/pod"));
}

TEST_F(HostSideTest, FailuresAfterTheStartAreNone) {
  SandboxConfig config = Pod();
  Hook bad;
  bad.path = "/no/such/hook";
  config.containers[0].hooks.poststart = {bad};
  config.containers[0].hooks.poststop.insert(config.containers[0].hooks.poststop.begin(), bad);
  auto pod = management_.Run(config);
  ASSERT_TRUE(pod.ok()) << pod.status().message();
  ASSERT_TRUE((*pod)->Delete().ok());
  EXPECT_EQ(Notes(), "prestart\npoststop\n");
}

TEST_F(HostSideTest, GarbageCollectionRunsPoststop) {
  const pid_t child = fork();
  if (child == 0) {
    (void)Management(testing::MakeFakeContext(world_)).Run(Pod());
    raise(SIGKILL);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(management_.CollectGarbage(true).ok());
  EXPECT_EQ(Notes(), "prestart\npoststart\n") << "a dry run does nothing";
  ASSERT_TRUE(management_.CollectGarbage(false).ok());
  EXPECT_EQ(Notes(), "prestart\npoststart\npoststop\n");
}

TEST_F(HostSideTest, AnnotationsChangeWhatIsAllowed) {
  SandboxConfig config = Pod();
  config.annotations = {{"dev.shoji.vcpus", "3"}, {"dev.shoji.memory", "300M"}, {"org.x", "y"}};
  auto pod = management_.Create(config);
  ASSERT_TRUE(pod.ok()) << pod.status().message();
  const auto status = management_.GetStatus("pod");
  EXPECT_EQ(status->vcpus, 3U);
  EXPECT_EQ(status->memory_bytes, 300U << 20U);
  EXPECT_EQ(status->annotations.at("org.x"), "y");
  ASSERT_TRUE((*pod)->Delete().ok());
  config.annotations = {{"io.katacontainers.config.hypervisor.kernel", "/other"}};
  EXPECT_EQ(management_.Create(config).status().code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(management_.GetStatus("pod").status().code(), StatusCode::kNotFound);
}

TEST_F(HostSideTest, AWrongHashIsFoundBeforeThereIsAVm) {
  SandboxConfig config = Pod();
  ASSERT_TRUE(WriteFile(File("kernel"), "abc").ok());
  config.assets.kernel = File("kernel");
  config.assets.kernel_sha256 = std::string(64, '0');
  const Status created = management_.Create(config).status();
  EXPECT_EQ(created.code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(created.message(), HasSubstr(File("kernel")));
  EXPECT_EQ(world_.Count("factory.new_vm"), 0);
  EXPECT_FALSE(PathExists(world_.root() + "/sandboxes/pod"));
}

TEST_F(HostSideTest, TheVmIsInItsControlGroup) {
  const auto host = CgroupHost::Find();
  ASSERT_TRUE(host.ok());
  SandboxConfig config = Pod();
  config.cgroup_parent = "/hostside-test-" + std::to_string(getpid());
  if (!host->Make(config.cgroup_parent).ok()) GTEST_SKIP() << "no control groups can be made here";
  const std::string group = CgroupName(world_.root(), config.cgroup_parent, "pod");
  auto pod = management_.Create(config);
  ASSERT_TRUE(pod.ok()) << pod.status().message();
  const std::int32_t vm = management_.GetStatus("pod")->vm_pids.at(0);
  EXPECT_THAT(*ReadFile("/proc/" + std::to_string(vm) + "/cgroup"), HasSubstr(group));
  EXPECT_THAT(*ReadFile("/proc/self/cgroup"), ::testing::Not(HasSubstr(group)));
  ASSERT_TRUE((*pod)->Stop(true).ok());
  EXPECT_FALSE(host->Exists(group));
  ASSERT_TRUE((*pod)->Start().ok());
  EXPECT_TRUE(host->Exists(group));
  ASSERT_TRUE((*pod)->Delete().ok());
  EXPECT_FALSE(host->Exists(group));
  EXPECT_TRUE(host->Remove(config.cgroup_parent).ok());
}

}  // namespace
}  // namespace shoji
