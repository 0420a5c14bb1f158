// Operation of containers in one running pod.
#include <gmock/gmock.h>
#include <signal.h>

#include "fixture.h"

namespace shoji::api_test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class ContainersTest : public PodTest {
 protected:
  // Waits for the first that its init says.
  static void ReadLine(const std::string& container) {
    auto io = pod().IOStream(container, container);
    ASSERT_TRUE(Ok(io));
    char buffer[64];
    EXPECT_TRUE(Ok((*io)->ReadStdout(buffer, sizeof(buffer))));
  }
};

TEST_F(ContainersTest, CreateStartWaitDelete) {
  const auto made = pod().CreateContainer(Bed::Container("c", "echo out; echo err >&2; exit 7"));
  ASSERT_TRUE(Ok(made));
  EXPECT_EQ(made->state, State::kReady);
  EXPECT_EQ(made->sandbox_id, "pod");
  EXPECT_EQ(Recorded("c"), State::kReady);
  EXPECT_EQ(*other().SandboxOfContainer("c"), "pod");
  EXPECT_TRUE(Fails(pod().CreateContainer(Bed::Container("c", "true")), StatusCode::kAlreadyExists,
                    {"\"c\""}));
  EXPECT_TRUE(Fails(pod().EnterContainer("c", Command({"/bin/true"})),
                    StatusCode::kFailedPrecondition, {"ready"}));

  ASSERT_TRUE(Ok(pod().StartContainer("c")));
  EXPECT_TRUE(Fails(pod().DeleteContainer("no-such"), StatusCode::kNotFound, {"no-such"}));
  EXPECT_EQ(ReadAll(pod(), "c", "c", 1), "out\n");
  EXPECT_EQ(ReadAll(pod(), "c", "c", 2), "err\n");
  EXPECT_EQ(*pod().WaitProcess("c", "c"), 7);
  EXPECT_EQ(*pod().WaitProcess("c", "c"), 7) << "the init may be waited for again";
  EXPECT_EQ(Recorded("c"), State::kStopped);
  ASSERT_TRUE(Ok(pod().DeleteContainer("c")));
  EXPECT_TRUE(Fails(other().SandboxOfContainer("c"), StatusCode::kNotFound));
  EXPECT_TRUE(Fails(pod().StatusContainer("c"), StatusCode::kNotFound, {"c"}));
}

TEST_F(ContainersTest, ARunningContainerIsNotDeletedAndNotStartedAgain) {
  const Scoped c("c", kIdle);
  EXPECT_EQ(Recorded("c"), State::kRunning);
  EXPECT_TRUE(Fails(pod().DeleteContainer("c"), StatusCode::kFailedPrecondition, {"running"}));
  EXPECT_TRUE(Fails(pod().StartContainer("c"), StatusCode::kFailedPrecondition, {"running"}));
  EXPECT_EQ(Recorded("c"), State::kRunning);
}

TEST_F(ContainersTest, AStoppedContainerStartsAgain) {
  const Scoped c("c", "echo run; exit 4");
  EXPECT_EQ(*pod().WaitProcess("c", "c"), 4);
  ASSERT_TRUE(Ok(pod().StartContainer("c")));
  EXPECT_EQ(ReadAll(pod(), "c", "c"), "run\n");
  EXPECT_EQ(*pod().WaitProcess("c", "c"), 4);
}

TEST_F(ContainersTest, StopAsksFirstAndForcesThen) {
  {
    const Scoped polite("polite",
                        "trap 'exit 9' TERM; echo ready; while :; do sleep 1000 & wait $!; done");
    ReadLine("polite");
    ASSERT_TRUE(Ok(pod().StopContainer("polite")));
    EXPECT_EQ(*pod().WaitProcess("polite", "polite"), 9);
    EXPECT_EQ(Recorded("polite"), State::kStopped);
    EXPECT_TRUE(Ok(pod().StopContainer("polite"))) << "again is no error";
  }
  const Scoped stubborn("stubborn", "trap '' TERM; while :; do sleep 1000 & wait $!; done");
  ASSERT_TRUE(Ok(pod().StopContainer("stubborn", true)));
  EXPECT_EQ(*pod().WaitProcess("stubborn", "stubborn"), 128 + SIGKILL);
}

TEST_F(ContainersTest, EnterRunsMoreProcesses) {
  Cmd cmd;
  cmd.args = {"/bin/sh", "-c", "echo $GREETING from $(pwd) as $(id -u):$(id -g)"};
  cmd.envs = {"GREETING=hello", "PATH=/bin:/usr/bin:/sbin"};
  cmd.work_dir = "/tmp";
  cmd.user = "1000:1001";
  const auto process = pod().EnterContainer("idle", cmd);
  ASSERT_TRUE(Ok(process));
  EXPECT_EQ(ReadAll(pod(), "idle", *process), "hello from /tmp as 1000:1001\n");
  EXPECT_EQ(*pod().WaitProcess("idle", *process), 0);
  cmd.args = {"/no/such"};
  EXPECT_TRUE(Fails(pod().EnterContainer("idle", cmd), StatusCode::kNotFound, {"/no/such"}));
  EXPECT_TRUE(Fails(pod().EnterContainer("none", cmd), StatusCode::kNotFound, {"none"}));
  EXPECT_EQ(Exec(pod(), "idle", "exit 42", 42), "");
}

TEST_F(ContainersTest, KillReachesInitOrAll) {
  const Scoped c("c", "trap 'echo caught' USR1; echo up; while :; do sleep 1000 & wait $!; done");
  auto io = pod().IOStream("c", "c");
  ASSERT_TRUE(Ok(io));
  char buffer[64];
  auto got = (*io)->ReadStdout(buffer, sizeof(buffer));
  ASSERT_TRUE(Ok(got));
  EXPECT_EQ(std::string(buffer, *got), "up\n");
  ASSERT_TRUE(Ok(pod().KillContainer("c", SIGUSR1)));
  got = (*io)->ReadStdout(buffer, sizeof(buffer));
  ASSERT_TRUE(Ok(got));
  EXPECT_EQ(std::string(buffer, *got), "caught\n");
  ASSERT_TRUE(Ok(pod().KillContainer("c", SIGKILL, true)));
  EXPECT_EQ(*pod().WaitProcess("c", "c"), 128 + SIGKILL);
  EXPECT_TRUE(Ok(pod().KillContainer("c", SIGKILL))) << "it has ended: nothing to do";
  EXPECT_TRUE(Fails(pod().KillContainer("none", SIGKILL), StatusCode::kNotFound, {"none"}));
  EXPECT_TRUE(Fails(pod().KillContainer("c", 1000), StatusCode::kInvalidArgument, {"1000"}));
}

TEST_F(ContainersTest, PauseStopsTheClockOfAContainer) {
  const Scoped c("c", kIdle);
  ASSERT_TRUE(Ok(pod().PauseContainer("c")));
  EXPECT_EQ(Recorded("c"), State::kPaused);
  EXPECT_TRUE(Fails(pod().PauseContainer("c"), StatusCode::kFailedPrecondition, {"paused"}));
  EXPECT_TRUE(Fails(pod().StartContainer("c"), StatusCode::kFailedPrecondition, {"paused"}));
  ASSERT_TRUE(Ok(pod().ResumeContainer("c")));
  EXPECT_EQ(Recorded("c"), State::kRunning);
  EXPECT_TRUE(Fails(pod().ResumeContainer("c"), StatusCode::kFailedPrecondition, {"running"}));
  EXPECT_EQ(Exec(pod(), "c", "echo awake"), "awake\n");
  EXPECT_TRUE(Fails(pod().PauseContainer("none"), StatusCode::kNotFound, {"none"}));
}

TEST_F(ContainersTest, APausedContainerCanBeStopped) {
  const Scoped c("c", kIdle);
  ASSERT_TRUE(Ok(pod().PauseContainer("c")));
  ASSERT_TRUE(Ok(pod().StopContainer("c", true)));
  EXPECT_EQ(Recorded("c"), State::kStopped);
}

TEST_F(ContainersTest, StatsCountWhatItUses) {
  const Scoped c("c",
                 "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo done; "
                 "while :; do sleep 1000 & wait $!; done");
  auto io = pod().IOStream("c", "c");
  char buffer[16];
  ASSERT_TRUE(Ok((*io)->ReadStdout(buffer, sizeof(buffer))));
  const auto stats = pod().StatsContainer("c");
  ASSERT_TRUE(Ok(stats));
  EXPECT_GT(stats->cpu_ns, 0U);
  if (Bed::OnQemu()) {  // this machine's own control groups may lack the controller
    EXPECT_GE(stats->pids, 1U);
  }
  EXPECT_TRUE(Fails(pod().StatsContainer("none"), StatusCode::kNotFound, {"none"}));
}

TEST_F(ContainersTest, ProcessesAreListed) {
  const auto table = pod().ProcessListContainer("idle");
  ASSERT_TRUE(Ok(table));
  EXPECT_THAT(*table, HasSubstr("PID"));
  EXPECT_THAT(*table, HasSubstr("sleep"));
  const auto json = pod().ProcessListContainer("idle", "json");
  ASSERT_TRUE(Ok(json));
  EXPECT_EQ(json->front(), '[');
  EXPECT_TRUE(
      Fails(pod().ProcessListContainer("idle", "xml"), StatusCode::kInvalidArgument, {"xml"}));
}

TEST_F(ContainersTest, WaitForAnExecGivesItsStatusOnce) {
  const auto process = pod().EnterContainer("idle", Command({"/bin/sh", "-c", "kill -9 $$"}));
  ASSERT_TRUE(Ok(process));
  EXPECT_EQ(*pod().WaitProcess("idle", *process), 128 + SIGKILL);
  EXPECT_TRUE(Fails(pod().WaitProcess("idle", "no-such"), StatusCode::kNotFound, {"no-such"}));
}

TEST_F(ContainersTest, StatusNamesWhatWasAsked) {
  ContainerConfig config = Bed::Container("c", kIdle);
  config.annotations = {{"com.example.kind", "test"}};
  const Scoped c(config, true);
  const auto status = pod().StatusContainer("c");
  ASSERT_TRUE(Ok(status));
  EXPECT_EQ(status->state, State::kRunning);
  EXPECT_EQ(status->annotations.at("com.example.kind"), "test");
  EXPECT_EQ(status->args, config.cmd.args);
  EXPECT_GE(status->started_unix_ns, status->created_unix_ns);
}

TEST_F(ContainersTest, MountsAndHostnameAreThePods) {
  ContainerConfig config = Bed::Container("c", kIdle);
  config.mounts = {
      {bed().MakeFile("shared.txt", "from the host\n"), "/mnt/shared.txt", "bind", {"rbind", "ro"}},
      {"tmpfs", "/scratch", "tmpfs", {"size=1048576"}}};
  const Scoped c(config, true);
  EXPECT_EQ(Exec(pod(), "c", "cat /mnt/shared.txt"), "from the host\n");
  EXPECT_EQ(Exec(pod(), "c", "hostname"), "podhost\n");
  EXPECT_THAT(Exec(pod(), "c", "grep ' /scratch ' /proc/mounts"), HasSubstr("tmpfs"));
  EXPECT_EQ(Exec(pod(), "c", "echo x > /mnt/shared.txt || echo refused", 0), "refused\n");
}

}  // namespace
}  // namespace shoji::api_test
