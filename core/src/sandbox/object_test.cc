#include "sandbox/object.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <map>
#include <thread>

#include "gc/processes.h"
#include "host/mount.h"
#include "sandbox/management.h"
#include "shoji/base/file.h"
#include "testing/fake_plugins.h"

namespace shoji {
namespace {

using testing::FakeWorld;
using testing::MakeFakeContext;
using testing::TempDir;

const bool kInNamespace = testing::EnterMountNamespace();

class ObjectTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(kInNamespace) << "needs root: a mount namespace of its own";
    ASSERT_TRUE(MakeDirs(rootfs() + "/etc").ok());
    ASSERT_TRUE(MakeDirs(dir_.path() + "/volume").ok());
  }
  std::string rootfs() const { return dir_.path() + "/rootfs"; }
  std::string SandboxDir() const { return world_.root() + "/sandboxes/pod"; }

  ContainerConfig Container(const std::string& id) const {
    ContainerConfig config;
    config.id = id;
    config.rootfs.source = rootfs();
    config.cmd.args = {"/bin/true"};
    config.mounts = {{dir_.path() + "/volume", "/data", "bind", {"rbind"}}};
    return config;
  }
  SandboxConfig Pod() const {
    SandboxConfig config;
    config.id = "pod";
    config.containers = {Container("one"), Container("two")};
    return config;
  }
  // Nothing of the sandbox is left: no process, mount, directory, record or handle.
  void ExpectNothingLeft() {
    const auto marked = MarkedProcesses();
    ASSERT_TRUE(marked.ok());
    EXPECT_EQ(marked->count(SandboxDir()), 0U);
    EXPECT_TRUE(MountsBelow(world_.root())->empty());
    EXPECT_FALSE(PathExists(SandboxDir()));
    EXPECT_TRUE(ListDir(dir_.path() + "/store")->empty());
    EXPECT_EQ(world_.Live("vm"), 0);
    EXPECT_EQ(world_.Live("proxy"), 0);
    EXPECT_EQ(world_.Live("agent"), 0);
  }

  TempDir dir_;
  FakeWorld world_{dir_.path()};
  std::shared_ptr<Context> context_ = MakeFakeContext(world_);
  Management management_{context_};
  void TearDown() override { context_->ForgetAll(); }
};

TEST_F(ObjectTest, LivesFromCreateToDelete) {
  auto pod = management_.Create(Pod());
  ASSERT_TRUE(pod.ok()) << pod.status().message();
  auto status = management_.GetStatus("pod");
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(status->state, State::kReady);
  EXPECT_EQ(status->owner_pid, getpid());
  ASSERT_EQ(status->vm_pids.size(), 1U);
  ASSERT_EQ(status->containers.size(), 2U);
  EXPECT_EQ(*management_.SandboxOf("two"), "pod");

  ASSERT_TRUE((*pod)->Start().ok());
  EXPECT_EQ((*pod)->Start().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ((*pod)->DeleteContainer("one").code(), StatusCode::kFailedPrecondition);
  ASSERT_TRUE((*pod)->StopContainer("one", false).ok());
  EXPECT_EQ((*pod)->StatusContainer("one")->state, State::kStopped);
  ASSERT_TRUE((*pod)->DeleteContainer("one").ok());
  EXPECT_EQ(management_.SandboxOf("one").status().code(), StatusCode::kNotFound);

  ASSERT_TRUE((*pod)->Stop(false).ok());
  ASSERT_TRUE((*pod)->Stop(false).ok());
  EXPECT_EQ(management_.GetStatus("pod")->state, State::kStopped);
  EXPECT_TRUE(management_.GetStatus("pod")->vm_pids.empty());
  ASSERT_TRUE(management_.Delete("pod").ok());
  EXPECT_EQ(management_.Delete("pod").code(), StatusCode::kNotFound);
  ExpectNothingLeft();
}

TEST_F(ObjectTest, StartsAgainAfterStop) {
  auto pod = management_.Run(Pod());
  ASSERT_TRUE(pod.ok()) << pod.status().message();
  ASSERT_TRUE((*pod)->Stop(true).ok());
  const Status started = (*pod)->Start();
  ASSERT_TRUE(started.ok()) << started.message();
  EXPECT_EQ(management_.GetStatus("pod")->state, State::kRunning);
  EXPECT_EQ((*pod)->StatusContainer("two")->state, State::kRunning);
  EXPECT_TRUE((*pod)->Delete().ok());
  ExpectNothingLeft();
}

TEST_F(ObjectTest, EveryFailureOfCreateLeavesNothing) {
  for (const char* slot :
       {"hypervisor.open", "factory.open", "factory.new_vm", "vm.save_state", "vm.pids",
        "proxy.save_state", "agent.create_sandbox", "agent.create_container", "shim.open",
        "proxy.info", "shim.start", "store.apply", "store.save"}) {
    SCOPED_TRACE(slot);
    const auto context = MakeFakeContext(world_);
    world_.FailAt(slot);
    const auto pod = Management(context).Create(Pod());
    EXPECT_FALSE(pod.ok());
    EXPECT_NE(pod.status().message().find("scripted failure"), std::string::npos)
        << pod.status().message();
    world_.Heal();
    ExpectNothingLeft();
  }
}

TEST_F(ObjectTest, SecondContainersFailureTakesTheFirstBack) {
  world_.FailAt("agent.create_container", 2);
  EXPECT_FALSE(management_.Create(Pod()).ok());
  EXPECT_EQ(world_.Count("agent.remove_container"), 1);
  world_.Heal();
  ExpectNothingLeft();
}

TEST_F(ObjectTest, FailedStartStopsWhatItStarted) {
  auto pod = management_.Create(Pod());
  ASSERT_TRUE(pod.ok());
  world_.FailAt("agent.start_container", 2);
  EXPECT_FALSE((*pod)->Start().ok());
  EXPECT_EQ(management_.GetStatus("pod")->state, State::kReady);
  EXPECT_EQ((*pod)->StatusContainer("one")->state, State::kReady);  // with a new init
  world_.Heal();
  ASSERT_TRUE((*pod)->Delete().ok());
  ExpectNothingLeft();
}

TEST_F(ObjectTest, FailedRunLeavesNothing) {
  world_.FailAt("agent.start_container", 2);
  EXPECT_FALSE(management_.Run(Pod()).ok());
  world_.Heal();
  ExpectNothingLeft();
}

TEST_F(ObjectTest, MissingRootfsNamesItAndTheContainer) {
  SandboxConfig config = Pod();
  config.containers[1].rootfs.source = "/no/such";
  const auto pod = management_.Create(config);
  EXPECT_EQ(pod.status().code(), StatusCode::kNotFound);
  EXPECT_EQ(pod.status().message(), "rootfs \"/no/such\" of container \"two\" does not exist");
  ExpectNothingLeft();
}

TEST_F(ObjectTest, ReadOnlyRootfsGetsItsMountPointsFirst) {
  SandboxConfig config = Pod();
  config.containers[0].rootfs.read_only = true;
  ASSERT_EQ(symlink(dir_.path().c_str(), (rootfs() + "/out").c_str()), 0);
  config.containers[0].mounts.push_back({rootfs() + "/etc/x", "/etc/y", "bind", {}});
  config.containers[0].mounts.push_back({"", "/out/escaped", "tmpfs", {}});
  ASSERT_TRUE(WriteFile(rootfs() + "/etc/x", "").ok());
  config.dns = {"nameserver 1.1.1.1"};
  ASSERT_TRUE(management_.Create(config).ok());
  EXPECT_NE(world_.Spec("two").find("/run/kata-containers/sandbox/resolv.conf"), std::string::npos);
  const std::string shown = SandboxDir() + "/share/one/rootfs";
  EXPECT_TRUE(ListDir(shown + "/data").ok());
  EXPECT_TRUE(ListDir(shown + "/proc").ok());
  EXPECT_TRUE(ReadFile(shown + "/etc/y").ok());
  EXPECT_FALSE(PathExists(dir_.path() + "/escaped"));
  ASSERT_TRUE(management_.Delete("pod").ok());
  ExpectNothingLeft();
}

TEST_F(ObjectTest, MountPointsAreMadeBehindLinksOfTheRootfs) {
  SandboxConfig config = Pod();
  config.containers[0].rootfs.read_only = true;
  ASSERT_TRUE(WriteFile(rootfs() + "/etc/x", "").ok());
  for (const auto& [target, link] : std::map<std::string, std::string>{
           {"../late/made/file", "/etc/up"}, {"/late/dir", "/abs"}, {"round", "/round"}}) {
    ASSERT_EQ(symlink(target.c_str(), (rootfs() + link).c_str()), 0);
  }
  config.containers[0].mounts.push_back({rootfs() + "/etc/x", "/etc/up", "bind", {}});
  config.containers[0].mounts.push_back({"", "/abs/below", "tmpfs", {}});
  config.containers[0].mounts.push_back({"", "/round/none", "tmpfs", {}});
  config.containers[0].mounts.push_back({"", "/../../top", "tmpfs", {}});
  config.containers[0].cmd.work_dir = "/work/dir";
  ASSERT_TRUE(management_.Create(config).ok());
  EXPECT_TRUE(ReadFile(rootfs() + "/late/made/file").ok());
  for (const char* made : {"/late/dir/below", "/top", "/work/dir"}) {
    EXPECT_TRUE(ListDir(rootfs() + made).ok()) << made;
  }
  ASSERT_TRUE(management_.Delete("pod").ok());
  ExpectNothingLeft();
}

TEST_F(ObjectTest, IdsAreTakenOnce) {
  ASSERT_TRUE(management_.Create(Pod()).ok());
  EXPECT_EQ(management_.Create(Pod()).status().code(), StatusCode::kAlreadyExists);
  SandboxConfig other = Pod();
  other.id = "other";
  const auto clash = management_.Create(other);
  EXPECT_EQ(clash.status().code(), StatusCode::kAlreadyExists) << clash.status().message();
  EXPECT_FALSE(PathExists(world_.root() + "/sandboxes/other"));
  ASSERT_TRUE(management_.Delete("pod").ok());
  ExpectNothingLeft();
}

TEST_F(ObjectTest, WaitAndStreamsEndWithTheProcess) {
  auto pod = management_.Run(Pod());
  ASSERT_TRUE(pod.ok());
  auto io = (*pod)->IOStream({"one", "one"});
  ASSERT_TRUE(io.ok());
  char buffer[64];
  EXPECT_EQ(*(*io)->ReadStdout(buffer, sizeof(buffer)), 5U);
  EXPECT_TRUE((*io)->WriteStdin(std::string(5000, 'x')).ok());
  std::thread end([&] { world_.EndProcess("one", "one"); });
  EXPECT_EQ(*(*io)->ReadStdout(buffer, sizeof(buffer)), 0U);
  EXPECT_EQ(*(*pod)->WaitProcess({"one", "one"}), 7);
  end.join();
  EXPECT_EQ((*pod)->StatusContainer("one")->state, State::kStopped);
  EXPECT_TRUE((*pod)->DeleteContainer("one").ok());
  ASSERT_TRUE((*pod)->Delete().ok());
}

TEST_F(ObjectTest, CancelAndStopEndBlockedCalls) {
  auto pod = management_.Run(Pod());
  ASSERT_TRUE(pod.ok());
  auto io = (*pod)->IOStream({"one", "one"});
  char buffer[8];
  ASSERT_TRUE((*io)->ReadStdout(buffer, sizeof(buffer)).ok());
  std::thread reader([&] {
    EXPECT_EQ((*io)->ReadStdout(buffer, sizeof(buffer)).status().code(), StatusCode::kCancelled);
  });
  (*io)->Cancel();
  reader.join();
  EXPECT_EQ((*io)->CloseStdin().code(), StatusCode::kCancelled);
  std::thread waiter([&] { (void)(*pod)->WaitProcess({"two", "two"}); });
  ASSERT_TRUE((*pod)->Delete().ok());
  waiter.join();
  ExpectNothingLeft();
}

// A call that read the record before the sandbox was stopped comes to the guest while the way
// to it is closed for good.
TEST_F(ObjectTest, NoNewLinkWhileTheVmIsEnded) {
  auto pod = management_.Run(Pod());
  ASSERT_TRUE(pod.ok());
  int late = 0;
  world_.OnEnter("proxy.stop", [&] {
    ++late;
    const auto io = (*pod)->IOStream({"one", "one"});
    EXPECT_EQ(io.status().code(), StatusCode::kUnavailable);
    EXPECT_EQ(io.status().message(), "sandbox \"pod\" has no VM: it is stopped");
  });
  ASSERT_TRUE((*pod)->Stop(true).ok());
  world_.OnEnter("proxy.stop", nullptr);
  EXPECT_EQ(late, 1);
  EXPECT_EQ(world_.Live("agent"), 0);
  ASSERT_TRUE((*pod)->Start().ok());
  EXPECT_TRUE((*pod)->IOStream({"one", "one"}).ok());
  ASSERT_TRUE((*pod)->Delete().ok());
  ExpectNothingLeft();
}

TEST_F(ObjectTest, AVmThatCouldNotBeEndedIsReachedAgain) {
  auto pod = management_.Run(Pod());
  ASSERT_TRUE(pod.ok());
  world_.FailAt("vm.destroy");  // after the process has gone
  EXPECT_FALSE((*pod)->Stop(false).ok());
  world_.Heal();
  const auto io = (*pod)->IOStream({"one", "one"});
  EXPECT_EQ(io.status().message(), "the VM of sandbox \"pod\" has ended (guest panicked)");
  ASSERT_TRUE((*pod)->Delete().ok());
  ExpectNothingLeft();
}

TEST_F(ObjectTest, DeadVmIsUnavailableWithItsLastWords) {
  auto pod = management_.Run(Pod());
  ASSERT_TRUE(pod.ok());
  const auto pids = management_.GetStatus("pod")->vm_pids;
  std::thread killer([&] { kill(pids.at(0), SIGKILL); });
  const auto exit = (*pod)->WaitProcess({"one", "one"});
  killer.join();
  EXPECT_EQ(exit.status().code(), StatusCode::kUnavailable);
  EXPECT_NE(exit.status().message().find("guest panicked"), std::string::npos);
  EXPECT_EQ(management_.GetStatus("pod")->state, State::kStopped);
  EXPECT_EQ(management_.List()->at(0).containers.at(0).state, State::kStopped);
  ASSERT_TRUE((*pod)->Delete().ok());
  ExpectNothingLeft();
}

TEST_F(ObjectTest, ReleasedSandboxIsFetchedByAnother) {
  ASSERT_TRUE(management_.Run(Pod()).ok());
  ASSERT_TRUE((*management_.Fetch("pod"))->Release().ok());
  EXPECT_EQ(world_.Live("vm"), 0);
  EXPECT_EQ(management_.GetStatus("pod")->owner_pid, 0);
  EXPECT_TRUE(management_.GetStatus("pod")->released);
  EXPECT_TRUE(management_.CollectGarbage(false)->items.empty());
  const auto other = MakeFakeContext(world_);
  auto pod = Management(other).Fetch("pod");
  ASSERT_TRUE(pod.ok());
  Cmd cmd;
  cmd.args = {"/bin/sh"};
  cmd.envs = {"A=b"};
  const auto exec = (*pod)->EnterContainer("one", cmd);
  ASSERT_TRUE(exec.ok()) << exec.status().message();
  EXPECT_NE(world_.Spec(*exec).find("\"A=b\""), std::string::npos);
  ASSERT_TRUE((*pod)->Delete().ok());
  ExpectNothingLeft();
}

TEST_F(ObjectTest, CollectsWhatAKilledProcessLeft) {
  for (const char* slot :
       {"factory.new_vm", "factory.booted", "agent.create_sandbox", "agent.create_container",
        "shim.start", "store.apply", "store.save", "agent.start_container"}) {
    SCOPED_TRACE(slot);
    const pid_t child = fork();
    if (child == 0) {
      world_.DieAt(slot);
      (void)Management(MakeFakeContext(world_)).Run(Pod());
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    const auto dry = management_.CollectGarbage(true);
    ASSERT_TRUE(dry.ok());
    EXPECT_FALSE(dry->items.empty());
    EXPECT_TRUE(PathExists(SandboxDir()));
    const auto report = management_.CollectGarbage(false);
    ASSERT_TRUE(report.ok());
    for (const auto& item : report->items) EXPECT_TRUE(item.removed) << item.name << item.error;
    ExpectNothingLeft();
    EXPECT_TRUE(management_.CollectGarbage(false)->items.empty());
  }
}

TEST_F(ObjectTest, CollectsWhatAnEngineHasForgotten) {
  const std::string bundle = dir_.path() + "/bundle";
  ASSERT_TRUE(MakeDirs(bundle).ok());
  SandboxConfig config = Pod();
  for (ContainerConfig& container : config.containers) container.bundle = bundle;
  ASSERT_TRUE(management_.Run(config).ok());
  ASSERT_TRUE((*management_.Fetch("pod"))->Release().ok());
  ASSERT_TRUE(RemoveTree(bundle).ok());
  EXPECT_TRUE(management_.CollectGarbage(false)->items.empty()) << "its containers run";
  ASSERT_TRUE(MakeDirs(bundle).ok());
  {
    const auto pod = management_.Fetch("pod");
    for (const auto& container : config.containers) {
      ASSERT_TRUE((*pod)->StopContainer(container.id, true).ok());
    }
    ASSERT_TRUE((*pod)->Release().ok());
  }
  EXPECT_TRUE(management_.CollectGarbage(false)->items.empty()) << "its engine knows it";
  ASSERT_TRUE(RemoveTree(bundle).ok());
  const auto report = management_.CollectGarbage(false);
  ASSERT_FALSE(report->items.empty());
  EXPECT_EQ(report->items[0].reason, "its containers have stopped and their bundles are gone");
  ExpectNothingLeft();
}

TEST_F(ObjectTest, CreateRemovesALeftoverOfItsName) {
  ASSERT_TRUE(MakeDirs(SandboxDir() + "/share/x").ok());
  ASSERT_TRUE(management_.Create(Pod()).ok());
  ASSERT_TRUE(management_.Delete("pod").ok());
  ExpectNothingLeft();
}

TEST_F(ObjectTest, CollectorLeavesLivingOwnersAlone) {
  ASSERT_TRUE(management_.Create(Pod()).ok());
  EXPECT_TRUE(management_.CollectGarbage(false)->items.empty());
  EXPECT_EQ(management_.GetStatus("pod")->vm_pids.size(), 1U);
  ASSERT_TRUE(management_.Delete("pod").ok());
}

TEST_F(ObjectTest, DamagedRecordCanBeDeleted) {
  ASSERT_TRUE(management_.Create(Pod()).ok());
  ASSERT_TRUE(WriteFile(dir_.path() + "/store/sandboxes%pod", "{\"schema\":1,").ok());
  EXPECT_EQ(management_.GetStatus("pod").status().code(), StatusCode::kDataLoss);
  EXPECT_TRUE(management_.List()->empty());
  const Status deleted = management_.Delete("pod");
  EXPECT_TRUE(deleted.ok()) << deleted.message();
  ExpectNothingLeft();
}

}  // namespace
}  // namespace shoji
