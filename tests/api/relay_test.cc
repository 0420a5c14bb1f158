// Relay: streams, signals and terminals of processes.
#include <gmock/gmock.h>
#include <signal.h>

#include <thread>

#include "fixture.h"

namespace shoji::api_test {
namespace {

using testing::HasSubstr;

using RelayTest = PodTest;

std::string ReadSome(ProcessIo& io) {
  char buffer[4096];
  const auto got = io.ReadStdout(buffer, sizeof(buffer));
  EXPECT_TRUE(Ok(got));
  return got.ok() ? std::string(buffer, *got) : std::string();
}

// Until `text` has come.
std::string ReadUntil(ProcessIo& io, const std::string& text) {
  std::string out;
  while (out.find(text) == std::string::npos) {
    const std::string more = ReadSome(io);
    if (more.empty()) {
      ADD_FAILURE() << "no \"" << text << "\" in: " << out;
      break;
    }
    out += more;
  }
  return out;
}

TEST_F(RelayTest, InputReachesTheProcessAndItsEndToo) {
  const auto process = pod().EnterContainer("idle", Command({"/bin/cat"}));
  ASSERT_TRUE(Ok(process));
  auto io = pod().IOStream("idle", *process);
  ASSERT_TRUE(Ok(io));
  const std::string text(200000, 'x');
  std::thread writer([&] {
    EXPECT_TRUE(Ok((*io)->WriteStdin(text)));
    EXPECT_TRUE(Ok((*io)->CloseStdin()));
    EXPECT_TRUE(Ok((*io)->CloseStdin())) << "again is no error";
  });
  std::string back;
  for (std::string more = ReadSome(**io); !more.empty(); more = ReadSome(**io)) back += more;
  writer.join();
  EXPECT_EQ(back, text);
  EXPECT_EQ(*pod().WaitProcess("idle", *process), 0);
}

TEST_F(RelayTest, EveryByteOfOutputComes) {
  const auto process = pod().EnterContainer(
      "idle",
      Command({"/bin/sh", "-c", "i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); done"}));
  ASSERT_TRUE(Ok(process));
  std::string expected;
  for (int i = 0; i < 3000; ++i) expected += std::to_string(i) + "\n";
  EXPECT_EQ(ReadAll(pod(), "idle", *process), expected);
  EXPECT_EQ(*pod().WaitProcess("idle", *process), 0);
}

TEST_F(RelayTest, TheTerminalHasTheSizeItWasGiven) {
  Cmd cmd;
  cmd.args = {"/bin/sh", "-c",
              "stty size; trap 'stty size; exit 0' WINCH; echo ready; "
              "while :; do sleep 1000 & wait $!; done"};
  cmd.terminal = true;
  cmd.rows = 33;
  cmd.columns = 99;
  const auto process = pod().EnterContainer("idle", cmd);
  ASSERT_TRUE(Ok(process));
  auto io = pod().IOStream("idle", *process);
  ASSERT_TRUE(Ok(io));
  EXPECT_THAT(ReadUntil(**io, "ready"), HasSubstr("33 99"));
  ASSERT_TRUE(Ok(pod().WinsizeProcess("idle", *process, 50, 132)));
  EXPECT_THAT(ReadUntil(**io, "50 132"), HasSubstr("50 132"));
  EXPECT_EQ(*pod().WaitProcess("idle", *process), 0);
  EXPECT_TRUE(Fails(pod().WinsizeProcess("idle", "idle", 10, 10), StatusCode::kFailedPrecondition));
  EXPECT_TRUE(Fails(pod().WinsizeProcess("idle", "none", 10, 10), StatusCode::kNotFound, {"none"}));
}

TEST_F(RelayTest, SignalsReachOneProcessOrAll) {
  const auto process = pod().EnterContainer("idle", Command({"/bin/sleep", "1000"}));
  ASSERT_TRUE(Ok(process));
  ASSERT_TRUE(Ok(pod().SignalProcess("idle", *process, SIGTERM)));
  EXPECT_EQ(*pod().WaitProcess("idle", *process), 128 + SIGTERM);
  EXPECT_EQ(Recorded("idle"), State::kRunning) << "the container goes on";
  EXPECT_TRUE(Fails(pod().SignalProcess("idle", "idle", 0), StatusCode::kInvalidArgument, {"0"}));

  const Scoped c("c", "trap '' TERM; sleep 1000");
  ASSERT_TRUE(Ok(pod().SignalProcess("c", "c", SIGKILL, true)));
  EXPECT_EQ(*pod().WaitProcess("c", "c"), 128 + SIGKILL);
}

TEST_F(RelayTest, CancelEndsAReadThatBlocks) {
  const auto process = pod().EnterContainer("idle", Command({"/bin/sleep", "1000"}));
  ASSERT_TRUE(Ok(process));
  auto io = pod().IOStream("idle", *process);
  ASSERT_TRUE(Ok(io));
  std::thread canceller([&] { (*io)->Cancel(); });
  char byte = 0;
  EXPECT_TRUE(Fails((*io)->ReadStdout(&byte, 1), StatusCode::kCancelled));
  canceller.join();
  EXPECT_TRUE(Ok(pod().SignalProcess("idle", *process, SIGKILL)));
  EXPECT_EQ(*pod().WaitProcess("idle", *process), 128 + SIGKILL);
}

TEST_F(RelayTest, StreamsOfWhatIsNotThereAreRefused) {
  EXPECT_TRUE(Fails(pod().IOStream("none", "none"), StatusCode::kNotFound, {"none"}));
  EXPECT_TRUE(Fails(pod().WaitProcess("none", "none"), StatusCode::kNotFound, {"none"}));
}

}  // namespace
}  // namespace shoji::api_test
