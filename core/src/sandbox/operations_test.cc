// Pause, resume, statistics, shims of execs, a second Start, hung guests.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "shoji/base/file.h"
#include "shoji/plugin/agent_ext.h"
#include "shoji/plugin/hypervisor_state.h"
#include "shoji/spawn/spawn.h"
#include "testing/pod_test.h"

namespace shoji {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class OperationsTest : public testing::PodTest {
 protected:
  std::shared_ptr<SandboxObject> Run() {
    auto pod = management_.Run(Pod());
    EXPECT_TRUE(pod.ok()) << pod.status().message();
    return *pod;
  }
};

TEST_F(OperationsTest, PausesAndResumesWithClockAndRandomNumbers) {
  const auto pod = Run();
  ASSERT_TRUE(pod->PauseContainer("two").ok());
  EXPECT_EQ(StateOf("two"), State::kPaused);
  ASSERT_TRUE(pod->Pause().ok());
  EXPECT_EQ(StateOfPod(), State::kPaused);
  EXPECT_EQ(StateOf("one"), State::kPaused);  // with the sandbox
  EXPECT_EQ(world_.Count("agent.set_time"), 0);
  ASSERT_TRUE(pod->Resume().ok());
  EXPECT_EQ(StateOfPod(), State::kRunning);
  EXPECT_EQ(StateOf("one"), State::kRunning);
  EXPECT_EQ(StateOf("two"), State::kPaused);  // by itself
  EXPECT_NEAR(std::stod(world_.Noted("agent.set_time")), static_cast<double>(time(nullptr)), 60);
  EXPECT_EQ(world_.Noted("agent.reseed_random"), "64");
  ASSERT_TRUE(pod->ResumeContainer("two").ok());
  EXPECT_EQ(StateOf("two"), State::kRunning);
  ASSERT_TRUE(pod->Delete().ok());
  ExpectNothingLeft();
}

// An agent that gives up silent guests has to know of a pause, whoever asked for it.
TEST_F(OperationsTest, AgentsLearnThatTheVmIsHeld) {
  const auto pod = Run();
  EXPECT_FALSE(world_.IsExcused());
  ASSERT_TRUE(pod->Pause().ok());
  EXPECT_TRUE(world_.IsExcused());
  ASSERT_TRUE(pod->Resume().ok());
  EXPECT_FALSE(world_.IsExcused());
  // Another process: its agent is one of its own.
  const auto context = testing::MakeFakeContext(world_);
  const auto fetched = Management(context).Fetch("pod");
  ASSERT_TRUE(fetched.ok()) << fetched.status().message();
  ASSERT_TRUE((*fetched)->StatsContainer("one").ok());
  ASSERT_TRUE(pod->Pause().ok());
  EXPECT_TRUE(world_.IsExcused());
  ASSERT_TRUE(pod->Delete().ok());
}

TEST_F(OperationsTest, AFailedPauseOrResumeChangesNothing) {
  const auto pod = Run();
  world_.FailAt("vm.pause");
  EXPECT_THAT(pod->Pause().message(), StartsWith("cannot pause sandbox \"pod\": scripted"));
  EXPECT_EQ(StateOfPod(), State::kRunning);
  world_.Heal();
  world_.FailAt("store.save");
  world_.FailAt("store.apply");
  EXPECT_FALSE(pod->Pause().ok());
  world_.Heal();
  EXPECT_EQ(StateOfPod(), State::kRunning);
  ASSERT_TRUE(pod->Pause().ok());
  world_.FailAt("vm.resume");
  EXPECT_FALSE(pod->Resume().ok());
  EXPECT_EQ(StateOfPod(), State::kPaused);
  world_.Heal();
  world_.FailAt("agent.set_time");  // the guest goes on all the same
  EXPECT_TRUE(pod->Resume().ok());
  world_.Heal();
  world_.FailAt("agent.pause_container");
  EXPECT_FALSE(pod->PauseContainer("one").ok());
  EXPECT_EQ(StateOf("one"), State::kRunning);
  world_.Heal();
  world_.Without(SHOJI_HYPERVISOR_PAUSE_V1);
  world_.Without(SHOJI_HYPERVISOR_STATS_V1);
  world_.Without(SHOJI_AGENT_PAUSE_V1);
  EXPECT_EQ(pod->Pause().code(), StatusCode::kUnimplemented);
  EXPECT_EQ(pod->Stats().status().code(), StatusCode::kUnimplemented);
  EXPECT_EQ(pod->PauseContainer("one").code(), StatusCode::kUnimplemented);
  ASSERT_TRUE(pod->Delete().ok());
  ExpectNothingLeft();
}

TEST_F(OperationsTest, StatisticsAndProcesses) {
  const auto pod = Run();
  const auto stats = pod->Stats();
  ASSERT_TRUE(stats.ok()) << stats.status().message();
  EXPECT_EQ(stats->vcpus, 2U);
  EXPECT_EQ(stats->cpu_ns, 3U);
  EXPECT_EQ(stats->vmm_cpu_ns, 4U);
  EXPECT_EQ(stats->resident_bytes, 5U);
  EXPECT_EQ(stats->block_read_bytes, 6U);
  EXPECT_EQ(stats->block_write_bytes, 7U);
  EXPECT_EQ(pod->StatsContainer("one")->pids, 3U);
  EXPECT_EQ(*pod->ProcessListContainer("one", "table", {"-o", "pid"}), "table -o pid");
  EXPECT_EQ(pod->ProcessListContainer("one", "xml", {}).status().code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(pod->ProcessListContainer("one", "table", {std::string("a\0b", 3)}).status().code(),
            StatusCode::kInvalidArgument);
  ASSERT_TRUE(pod->Delete().ok());
}

TEST_F(OperationsTest, APausedSandboxIsStoppedWithAndWithoutForce) {
  const auto pod = Run();
  ASSERT_TRUE(pod->Pause().ok());
  ASSERT_TRUE(pod->Stop(false).ok());
  EXPECT_EQ(world_.Count("vm.resume"), 1);  // its containers are asked to end
  ASSERT_TRUE(pod->Start().ok());
  const int asked = world_.Count("agent.signal_process");
  ASSERT_TRUE(pod->Pause().ok());
  ASSERT_TRUE(pod->Stop(true).ok());
  EXPECT_EQ(world_.Count("agent.signal_process"), asked);
  ASSERT_TRUE(pod->Delete().ok());
  ExpectNothingLeft();
}

TEST_F(OperationsTest, PodOptionsReachTheAgent) {
  SandboxConfig config = Pod();
  config.shared_pid_namespace = true;
  config.guest_hook_path = "/usr/share/hooks";
  ASSERT_TRUE(management_.Create(config).ok());
  EXPECT_EQ(world_.Noted("agent.create_sandbox"), "shared_pid /usr/share/hooks storages=2");
  EXPECT_EQ(world_.Noted("agent.create_container"), "shared_pid");
  ASSERT_TRUE(management_.Stop("pod", true).ok());
  ASSERT_TRUE(management_.Start("pod").ok());  // from the record
  EXPECT_EQ(world_.Noted("agent.create_sandbox"), "shared_pid /usr/share/hooks storages=2");
  ASSERT_TRUE(management_.Delete("pod").ok());
  config.guest_hook_path = "hooks";
  EXPECT_EQ(management_.Create(config).status().code(), StatusCode::kInvalidArgument);
  ExpectNothingLeft();
}

TEST_F(OperationsTest, ASandboxWithoutAShare) {
  SandboxConfig config = Pod();
  config.share = false;
  const auto refused = management_.Create(config);
  EXPECT_EQ(refused.status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(refused.status().message(),
            "\"" + rootfs() +
                "\" of container \"one\" is on the host, but sandbox \"pod\" shares no "
                "directories; use a storage");
  ExpectNothingLeft();
  config.containers.clear();
  ASSERT_TRUE(management_.Run(config).ok());
  EXPECT_EQ(world_.Noted("factory.new_vm"), "shares=0");
  EXPECT_EQ(world_.Noted("agent.create_sandbox"), " storages=1");
  EXPECT_TRUE(MountsBelow(world_.root())->empty());
  EXPECT_EQ((*management_.Fetch("pod"))->CreateContainer(Container("one")).status().code(),
            StatusCode::kInvalidArgument);
  ASSERT_TRUE(management_.Delete("pod").ok());
  ExpectNothingLeft();
}

TEST_F(OperationsTest, AfterAFailedStartASecondOneWorks) {
  auto pod = management_.Create(Pod());
  ASSERT_TRUE(pod.ok());
  world_.FailAt("agent.start_container", 2);
  EXPECT_FALSE((*pod)->Start().ok());
  world_.Heal();
  EXPECT_EQ(StateOfPod(), State::kReady);
  EXPECT_EQ(StateOf("one"), State::kReady);
  EXPECT_EQ(StateOf("two"), State::kReady);
  EXPECT_EQ(world_.Count("agent.create_container"), 4);  // both with a new init
  ASSERT_TRUE((*pod)->Start().ok());
  EXPECT_EQ(StateOf("one"), State::kRunning);
  EXPECT_EQ(StateOf("two"), State::kRunning);
  ASSERT_TRUE((*pod)->Delete().ok());
  ExpectNothingLeft();
}

TEST_F(OperationsTest, AFailedStartWhoseContainersCannotBeMadeAnew) {
  auto pod = management_.Create(Pod());
  ASSERT_TRUE(pod.ok());
  world_.FailAt("agent.start_container", 2);
  world_.FailAt("agent.create_container");
  EXPECT_FALSE((*pod)->Start().ok());
  world_.Heal();
  EXPECT_EQ(StateOf("one"), State::kStopped);
  EXPECT_EQ(StateOf("two"), State::kStopped);
  ASSERT_TRUE((*pod)->Start().ok());  // with no container
  ASSERT_TRUE((*pod)->StartContainer("one").ok());
  ASSERT_TRUE((*pod)->Delete().ok());
  ExpectNothingLeft();
}

// ---- shims of processes that joined ----------------------------------------------------

TEST_F(OperationsTest, AnExecHasAShimUntilItEnds) {
  world_.use_shim_processes(true);
  const auto pod = Run();
  EXPECT_EQ(world_.Live("shim"), 2);
  Cmd cmd;
  cmd.args = {"/bin/sh"};
  cmd.terminal = true;
  const auto first = pod->EnterContainer("one", cmd);
  ASSERT_TRUE(first.ok()) << first.status().message();
  EXPECT_THAT(world_.Noted("shim.start"), StartsWith("one/" + *first + " tty unix://"));
  ASSERT_TRUE(pod->EnterContainer("one", cmd).ok());
  EXPECT_EQ(world_.Live("shim"), 4);
  world_.EndProcess("one", *first);
  EXPECT_EQ(*pod->WaitProcess({"one", *first}), 7);
  EXPECT_EQ(world_.Live("shim"), 3);
  ASSERT_TRUE(pod->StopContainer("one", true).ok());
  EXPECT_EQ(world_.Live("shim"), 1);  // of the other one's init
  ASSERT_TRUE(pod->DeleteContainer("one").ok());
  EXPECT_EQ(world_.Live("shim"), 1);
  ASSERT_TRUE(pod->EnterContainer("two", cmd).ok());
  ASSERT_TRUE(pod->Delete().ok());
  ExpectNothingLeft();
}

TEST_F(OperationsTest, AShimIsToldWhereItBelongs) {
  world_.use_shim_processes(true);
  SandboxConfig config = Pod();
  config.network.netns = "/run/netns/pod";
  config.containers[1].cmd.console = "/dev/pts/7";
  const auto pod = management_.Run(config);
  ASSERT_TRUE(pod.ok()) << pod.status().message();
  EXPECT_THAT(world_.Noted("shim.start"), EndsWith(" console=/dev/pts/7 netns=/run/netns/pod"));
  Cmd cmd;
  cmd.oci_process = R"({"args":["/bin/sh"],"terminal":true})";
  cmd.detach = true;
  const auto exec = (*pod)->EnterContainer("one", cmd);
  ASSERT_TRUE(exec.ok()) << exec.status().message();
  EXPECT_THAT(world_.Noted("shim.start"), StartsWith("one/" + *exec + " tty unix://"));
  EXPECT_THAT(world_.Noted("shim.start"), EndsWith(" detached netns=/run/netns/pod join"));
  const auto init = (*pod)->ShimPid({"one", "one"});
  const auto joined = (*pod)->ShimPid({"one", *exec});
  ASSERT_TRUE(init.ok() && joined.ok());
  EXPECT_EQ(*init, (*pod)->StatusContainer("one")->shim_pid);
  EXPECT_GT(*joined, 0);
  EXPECT_NE(*joined, *init);
  EXPECT_EQ((*pod)->ShimPid({"one", "exec-0"}).status().code(), StatusCode::kNotFound);
  EXPECT_EQ((*pod)->ShimPid({"three", "three"}).status().code(), StatusCode::kNotFound);
  // A console is for one shim: the next init has none.
  ASSERT_TRUE((*pod)->StopContainer("two", true).ok());
  ASSERT_TRUE((*pod)->StartContainer("two").ok());
  EXPECT_THAT(world_.Noted("shim.start"), Not(HasSubstr("console")));
  ASSERT_TRUE((*pod)->Delete().ok());
  ExpectNothingLeft();
}

void AwaitEnd(std::int32_t pid) {
  const auto pidfd = OpenPidfd(pid);
  if (!pidfd.ok()) return;
  pollfd ended{pidfd->get(), POLLIN, 0};
  ASSERT_EQ(poll(&ended, 1, 20'000), 1);
}

TEST_F(OperationsTest, TheEndOfItsShimIsTheEndOfAProcess) {
  world_.use_shim_processes(true);
  const auto pod = Run();
  const std::int32_t shim = *pod->ShimPid({"one", "one"});
  auto waiting = std::async(std::launch::async, [&] { return pod->WaitProcess({"one", "one"}); });
  world_.EndProcess("one", "one");
  EXPECT_EQ(*waiting.get(), 7);
  AwaitEnd(shim);
  EXPECT_EQ(StateOf("one"), State::kStopped);
  EXPECT_EQ(*pod->WaitProcess({"one", "one"}), 7) << "again, from the guest or what is kept";
  ASSERT_TRUE(pod->Delete().ok());
  ExpectNothingLeft();
}

TEST_F(OperationsTest, AKilledShimIsNamedAndItsProcessIsEnded) {
  world_.use_shim_processes(true);
  const auto pod = Run();
  Cmd cmd;
  cmd.args = {"/bin/sh"};
  const auto exec = pod->EnterContainer("one", cmd);
  ASSERT_TRUE(exec.ok());
  for (const std::string& process : {*exec, std::string("one")}) {
    const std::int32_t shim = *pod->ShimPid({"one", process});
    auto waiting = std::async(std::launch::async, [&] {
      return pod->WaitProcess({"one", process});
    });
    kill(shim, SIGKILL);
    const Status status = waiting.get().status();
    EXPECT_EQ(status.code(), StatusCode::kUnavailable) << status.message();
    EXPECT_THAT(status.message(), HasSubstr("shim " + std::to_string(shim)));
    EXPECT_THAT(status.message(), HasSubstr("killed by signal 9"));
  }
  EXPECT_EQ(StateOf("one"), State::kStopped);
  EXPECT_EQ(StateOf("two"), State::kRunning);
  EXPECT_EQ(pod->EnterContainer("one", cmd).status().code(), StatusCode::kFailedPrecondition);
  ASSERT_TRUE(pod->StartContainer("one").ok());
  EXPECT_EQ(StateOf("one"), State::kRunning);
  kill(*pod->ShimPid({"one", "one"}), SIGKILL);
  AwaitEnd(*pod->ShimPid({"one", "one"}));
  const int signals = world_.Count("agent.signal_process");
  ASSERT_TRUE(pod->DeleteContainer("one").ok());
  EXPECT_GT(world_.Count("agent.signal_process"), signals) << "what goes on in the guest is ended";
  ASSERT_TRUE(pod->Delete().ok());
}

// As a command has it that finds the sandbox, does one thing and leaves.
class OperationsOfACommand : public OperationsTest {
 protected:
  void SetUp() override {
    OperationsTest::SetUp();
    world_.use_shim_processes(true);
    const auto pod = Run();
    ASSERT_TRUE(pod->Release().ok());
  }
  void EndAll() {
    for (const char* id : {"one", "two"}) {
      const std::int32_t shim = *(*management_.Fetch("pod"))->ShimPid({id, id});
      world_.EndProcess(id, id);
      AwaitEnd(shim);
    }
  }
};

TEST_F(OperationsOfACommand, ASignalGoesByWayOfTheShim) {
  const auto pod = *management_.Fetch("pod");
  const int opened = world_.Count("agent.open");
  ASSERT_TRUE(pod->KillContainer("one", SIGUSR1, false).ok());
  EXPECT_EQ(world_.Noted("shim.signal"), "one/one 10");
  ASSERT_TRUE(pod->KillContainer("two", SIGKILL, true).ok());
  EXPECT_EQ(world_.Noted("shim.signal"), "two/ 9");
  EXPECT_EQ(world_.Count("agent.open"), opened);
  ASSERT_TRUE(pod->Delete().ok());
  ExpectNothingLeft();
}

TEST_F(OperationsOfACommand, WhereTheShimCannotTheAgentSends) {
  const auto pod = *management_.Fetch("pod");
  world_.FailAt("shim.signal");
  EXPECT_EQ(pod->KillContainer("one", SIGUSR1, false).code(), StatusCode::kInternal);
  EXPECT_EQ(world_.Count("agent.signal_process"), 0);
  world_.Heal();
  world_.Without("shim.signal");
  ASSERT_TRUE(pod->KillContainer("one", SIGUSR1, false).ok());
  EXPECT_EQ(world_.Count("agent.signal_process"), 1);
  ASSERT_TRUE(pod->Delete().ok());
  ExpectNothingLeft();
}

TEST_F(OperationsOfACommand, AGuestWhereAllHasEndedIsNotAskedBeforeItsEnd) {
  EndAll();
  const int opened = world_.Count("agent.open");
  ASSERT_TRUE(management_.Delete("pod").ok());
  EXPECT_EQ(world_.Count("agent.open"), opened);
  EXPECT_EQ(world_.Count("agent.destroy_sandbox"), 0);
  EXPECT_EQ(world_.Count("proxy.stop"), 1);
  ExpectNothingLeft();
}

// Its socket is left where a shim was killed: what it stood for may go on, and is ended first.
TEST_F(OperationsOfACommand, TheProcessOfAKilledShimIsEndedBeforeItsVm) {
  const std::int32_t shim = *(*management_.Fetch("pod"))->ShimPid({"one", "one"});
  ASSERT_TRUE(MakeDirs(SandboxDir() + "/shims", 0700).ok());
  ASSERT_TRUE(WriteFile(SandboxDir() + "/shims/one", "").ok());
  kill(shim, SIGKILL);
  AwaitEnd(shim);
  world_.EndProcess("two", "two");
  AwaitEnd(*(*management_.Fetch("pod"))->ShimPid({"two", "two"}));
  EXPECT_EQ(StateOf("one"), State::kStopped);
  const int signals = world_.Count("agent.signal_process");
  ASSERT_TRUE(management_.Delete("pod").ok());
  EXPECT_GT(world_.Count("agent.signal_process"), signals);
  EXPECT_EQ(world_.Count("agent.destroy_sandbox"), 1);
  ExpectNothingLeft();
}

TEST_F(OperationsOfACommand, AGuestWithSomethingToDoIsAsked) {
  ASSERT_TRUE(management_.Delete("pod").ok());
  EXPECT_EQ(world_.Count("agent.destroy_sandbox"), 1);
  EXPECT_EQ(world_.Count("proxy.stop"), 1);
  ExpectNothingLeft();
}

TEST_F(OperationsTest, BuiltInShimsHaveNoNumber) {
  const auto pod = Run();
  Cmd cmd;
  cmd.args = {"/bin/sh"};
  const auto exec = pod->EnterContainer("one", cmd);
  ASSERT_TRUE(exec.ok());
  EXPECT_EQ(*pod->ShimPid({"one", *exec}), -1);
  EXPECT_EQ(*pod->ShimPid({"one", "one"}), -1);
  ASSERT_TRUE(pod->Delete().ok());
}

TEST_F(OperationsTest, AProcessThatCannotBeIsRefused) {
  const auto pod = Run();
  const int execs = world_.Count("agent.exec_process");
  Cmd cmd;
  cmd.oci_process = "{}";
  EXPECT_THAT(pod->EnterContainer("one", cmd).status().message(), HasSubstr("has no args"));
  cmd.oci_process = R"({"args":["a"]})";
  cmd.console = "pts/7";
  EXPECT_EQ(pod->EnterContainer("one", cmd).status().code(), StatusCode::kInvalidArgument);
  cmd.console = "/dev/pts/7";
  cmd.detach = true;
  EXPECT_THAT(pod->EnterContainer("one", cmd).status().message(), HasSubstr("choose one"));
  EXPECT_EQ(world_.Count("agent.exec_process"), execs);
  ContainerConfig container = Pod().containers[0];
  container.id = "three";
  container.cmd.oci_process = R"({"args":["a"]})";
  EXPECT_THAT(pod->CreateContainer(container).status().message(), HasSubstr("oci_spec"));
  ASSERT_TRUE(pod->Delete().ok());
}

TEST_F(OperationsTest, AnExecWithoutAShimIsEnded) {
  const auto pod = Run();
  Cmd cmd;
  cmd.args = {"/bin/sh"};
  world_.FailAt("shim.start");
  const int killed = world_.Count("agent.signal_process");
  EXPECT_THAT(pod->EnterContainer("one", cmd).status().message(),
              StartsWith("cannot enter container \"one\": "));
  EXPECT_EQ(world_.Count("agent.signal_process"), killed + 1);
  world_.Heal();
  world_.use_shim_processes(true);
  world_.FailAt("store.save");
  world_.FailAt("store.apply");
  EXPECT_FALSE(pod->EnterContainer("one", cmd).ok());
  EXPECT_EQ(world_.Live("shim"), 0);
  EXPECT_EQ(world_.Count("agent.signal_process"), killed + 2);
  world_.Heal();
  ASSERT_TRUE(pod->Delete().ok());
  ExpectNothingLeft();
}

TEST_F(OperationsTest, SigkillReachesTheOnlyContainerOfAPausedSandbox) {
  SandboxConfig config = Pod();
  config.containers.resize(1);
  const auto pod = management_.Run(config);
  ASSERT_TRUE((*pod)->Pause().ok());
  EXPECT_THAT((*pod)->KillContainer("one", SIGTERM, false).message(), HasSubstr("paused"));
  EXPECT_EQ(world_.Count("agent.signal_process"), 0);
  EXPECT_TRUE((*pod)->KillContainer("one", SIGKILL, false).ok());
  EXPECT_EQ(world_.Count("agent.signal_process"), 1);
  EXPECT_EQ(StateOfPod(), State::kRunning);
  ASSERT_TRUE((*pod)->Delete().ok());
}

TEST_F(OperationsTest, SigkillDoesNotWakeTheOthersOfAPausedSandbox) {
  const auto pod = Run();
  ASSERT_TRUE(pod->Pause().ok());
  EXPECT_THAT(pod->KillContainer("one", SIGKILL, false).message(), HasSubstr("paused"));
  EXPECT_EQ(StateOfPod(), State::kPaused);
  ASSERT_TRUE(pod->Delete().ok());
}

// ---- a guest that hangs ----------------------------------------------------------------

TEST_F(OperationsTest, AHungGuestIsDeletedInBoundedTime) {
  const auto pod = Run();
  for (const char* slot : {"agent.signal_process", "agent.wait_process", "agent.destroy_sandbox",
                           "agent.remove_container"}) {
    world_.HangAt(slot);
  }
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(pod->KillContainer("one", SIGKILL, false).code(), StatusCode::kDeadlineExceeded);
  ASSERT_TRUE(pod->Delete().ok());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
  ExpectNothingLeft();
}

TEST_F(OperationsTest, ACommandBehindAHungOneNamesItsHolder) {
  auto pod = Run();
  world_.HangAt("agent.pause_container");
  auto settings = context_->settings();
  settings.lock_limit = std::chrono::milliseconds(200);
  const auto impatient =
      std::make_shared<Context>(settings, testing::MakeFakePlugins(world_), nullptr, nullptr);
  std::promise<void> inside;
  world_.OnEnter("agent.pause_container", [&] { inside.set_value(); });
  std::thread hung(
      [&] { EXPECT_EQ(pod->PauseContainer("one").code(), StatusCode::kDeadlineExceeded); });
  inside.get_future().wait();
  Management other(impatient);
  EXPECT_EQ(other.GetStatus("pod")->state, State::kRunning);  // waits for nobody
  EXPECT_TRUE((*other.Fetch("pod"))->StatsContainer("one").ok());
  for (const Status& status : {other.Stop("pod", true), other.Delete("pod")}) {
    EXPECT_EQ(status.code(), StatusCode::kDeadlineExceeded);
    EXPECT_THAT(status.message(), HasSubstr("process " + std::to_string(getpid())));
  }
  hung.join();
  EXPECT_TRUE(other.Delete("pod").ok());
  impatient->ForgetAll();
  context_->ForgetAll();
  pod.reset();
  ExpectNothingLeft();
}

}  // namespace
}  // namespace shoji
