// The client of the guest agent with our agent itself, on the host, without a VM. Left out is
// what would change the machine: its clock, its CPUs and its memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "agent.h"
#include "testing/host_guest.h"

namespace shoji::agent_kata {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Json = nlohmann::json;

class ClientTest : public ::testing::Test {
 protected:
  explicit ClientTest(bool cgroups = false)
      : guest_(SHOJI_AGENT_PROGRAM, cgroups), agent_(sdk::Connector(guest_.connector()), kLimits) {
    Ok(agent_.Check(nullptr));
    Ok(agent_.CreateSandbox(nullptr, shoji_sandbox_request{}));
  }

  static void Ok(const Status& status) { EXPECT_TRUE(status.ok()) << status.message(); }
  static shoji_call Within(std::chrono::nanoseconds time, int cancel_fd = -1) {
    shoji_call call{};
    call.struct_size = sizeof call;
    call.cancel_fd = cancel_fd;
    call.deadline_ns = Deadline::After(time).nanos();
    return call;
  }
  void Start(const std::string& id, const std::string& args) {
    const std::string spec = guest_.Spec(args);
    shoji_container_request request{};
    request.struct_size = sizeof request;
    request.container_id = request.exec_id = sdk::ToStr(id);
    request.spec_json = sdk::ToStr(spec);
    Ok(agent_.CreateContainer(nullptr, request));
    Ok(agent_.StartContainer(nullptr, id));
  }
  std::string ReadAll(sdk::ProcessRef process) {
    std::string text;
    const shoji_sink sink = sdk::SinkTo(&text);
    Status status;
    while (status.ok()) status = agent_.ReadStdout(nullptr, process, 1U << 20U, &sink);
    EXPECT_EQ(status.code(), StatusCode::kOutOfRange) << status.message();
    return text;
  }

  static constexpr Patience kLimits{milliseconds(200), seconds(2)};
  const sdk::ProcessRef init_{"c", "c"};
  HostGuest guest_;
  KataAgent agent_;
};

TEST_F(ClientTest, Details) {
  const Result<std::string> details = agent_.GuestDetails(nullptr);
  ASSERT_TRUE(details.ok()) << details.status().message();
  EXPECT_NE(Json::parse(*details)["agent_version"], "");
}

TEST_F(ClientTest, ProcessesAndTheirStreams) {
  Start("c", R"("cat")");
  EXPECT_EQ(agent_.WriteStdin(nullptr, init_, "hello").value(), 5U);
  Ok(agent_.CloseStdin(nullptr, init_));
  EXPECT_EQ(ReadAll(init_), "hello");
  EXPECT_EQ(agent_.WaitProcess(nullptr, init_).value(), 0);
  EXPECT_EQ(agent_.TtyWinResize(nullptr, init_, 24, 80).code(), StatusCode::kFailedPrecondition);
  Ok(agent_.RemoveContainer(nullptr, "c", 0));
  EXPECT_EQ(agent_.WaitProcess(nullptr, init_).status().code(), StatusCode::kNotFound);
  Ok(agent_.DestroySandbox(nullptr));
}

TEST_F(ClientTest, ExecAndSignal) {
  Start("c", R"("sleep","1000")");
  shoji_exec_request exec{};
  exec.struct_size = sizeof exec;
  exec.container_id = sdk::ToStr("c");
  exec.exec_id = sdk::ToStr("e");
  exec.process_json = sdk::ToStr(R"({"args":["/bin/busybox","echo","x"],"cwd":"/","env":["A=b"]})");
  Ok(agent_.ExecProcess(nullptr, exec));
  EXPECT_EQ(ReadAll({"c", "e"}), "x\n");
  EXPECT_EQ(agent_.WaitProcess(nullptr, {"c", "e"}).value(), 0);
  exec.exec_id = sdk::ToStr("f");
  exec.process_json = sdk::ToStr(R"({"args":["nothing-of-that-name"],"cwd":"/"})");
  EXPECT_EQ(agent_.ExecProcess(nullptr, exec).detail("reason"), "command-not-found");
  Ok(agent_.SignalProcess(nullptr, {"c", ""}, SIGKILL));
  EXPECT_EQ(agent_.WaitProcess(nullptr, init_).value(), 128 + SIGKILL);
}

TEST_F(ClientTest, MuchOutputComesWhole) {
  Start("c", R"("seq","1","300000")");
  const std::string text = ReadAll(init_);
  std::istringstream lines(text);
  std::string line;
  int number = 0;
  while (std::getline(lines, line)) ASSERT_EQ(line, std::to_string(++number));
  EXPECT_EQ(number, 300000);
}

TEST_F(ClientTest, StatisticsProcessesAndLimits) {
  Start("c", R"("sleep","1000")");
  const Result<std::string> stats = agent_.Stats(nullptr, "c");
  ASSERT_TRUE(stats.ok()) << stats.status().message();
  EXPECT_TRUE(Json::parse(*stats)["cgroup_stats"]["cpu_stats"].is_object());
  const Result<std::string> pids = agent_.ListProcesses(nullptr, "c", "json", {});
  ASSERT_TRUE(pids.ok()) << pids.status().message();
  EXPECT_GE(Json::parse(*pids).size(), 1U);
  EXPECT_EQ(agent_.Stats(nullptr, "none").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(agent_.Update(nullptr, "none", "{}").code(), StatusCode::kNotFound);
  EXPECT_EQ(agent_.Pause(nullptr, "none").code(), StatusCode::kNotFound);
  EXPECT_EQ(agent_.Resume(nullptr, "none").code(), StatusCode::kNotFound);
}

class ClientCgroupTest : public ClientTest {
 protected:
  ClientCgroupTest() : ClientTest(true) {}
};

TEST_F(ClientCgroupTest, PauseAndResume) {
  const std::string id = "client-test-" + std::to_string(getpid());
  Start(id, R"("sleep","1000")");
  const Status paused = agent_.Pause(nullptr, id);
  const bool none = paused.message().find("no cgroups") != std::string_view::npos;
  if (!none) {
    Ok(paused);
    Ok(agent_.Pause(nullptr, id));
    Ok(agent_.Resume(nullptr, id));
    Ok(agent_.Resume(nullptr, id));
    Ok(agent_.Update(nullptr, id, "{}"));
  }
  Ok(agent_.RemoveContainer(nullptr, id, 0));
  if (none) GTEST_SKIP() << "this machine has no cgroup v2";
}

TEST_F(ClientTest, Network) {
  EXPECT_TRUE(Json::parse(agent_.ListInterfaces(nullptr).value()).is_array());
  EXPECT_EQ(Json::parse(agent_.ListRoutes(nullptr).value()), Json::array());
  const sdk::RoutesUpdate none = agent_.UpdateRoutes(nullptr, "[]");
  Ok(none.status);
  EXPECT_EQ(Json::parse(none.json), Json::array());
  const sdk::RoutesUpdate bad =
      agent_.UpdateRoutes(nullptr, R"([{"dest":"10.9.0.0/16","device":"nosuch0"}])");
  EXPECT_FALSE(bad.status.ok());
  EXPECT_EQ(Json::parse(bad.json), Json::array()) << "told after a failure too";
  const char* unknown = R"({"hwAddr":"02:00:00:00:00:99","name":"eth7","device":"eth7"})";
  const Status missing = agent_.UpdateInterface(nullptr, unknown).status();
  EXPECT_EQ(missing.code(), StatusCode::kNotFound) << missing.message();
  EXPECT_FALSE(agent_
                   .AddNeighbors(nullptr, R"([{"toIPAddress":{"address":"10.9.0.1"},
                       "device":"nosuch0","lladdr":"02:00:00:00:00:98"}])")
                   .ok());
}

TEST_F(ClientTest, CopiedFilesAppearWhenTheyAreComplete) {
  const std::string path = "/run/made/here/file";
  const std::string data(3000, 'x');
  shoji_copy_request request{};
  request.struct_size = sizeof request;
  request.path = sdk::ToStr(path);
  request.file_mode = 0640;
  request.dir_mode = 0750;
  request.file_size = 6000;
  request.data = sdk::ToStr(data);
  Ok(agent_.Copy(nullptr, request));
  EXPECT_FALSE(std::filesystem::exists(guest_.Inside(path)));
  request.offset = 3000;
  Ok(agent_.Copy(nullptr, request));
  struct stat info {};
  ASSERT_EQ(stat(guest_.Inside(path).c_str(), &info), 0);
  EXPECT_EQ(info.st_size, 6000);
  EXPECT_EQ(info.st_mode & 07777U, 0640U);
  const std::string outside = "/etc/not-below-run";
  request.path = sdk::ToStr(outside);
  EXPECT_FALSE(agent_.Copy(nullptr, request).ok());
}

TEST_F(ClientTest, WaitingCallsAreCancelled) {
  Start("c", R"("sleep","1000")");
  const UniqueFd cancel(eventfd(0, EFD_CLOEXEC));
  const shoji_call call = Within(seconds(60), cancel.get());
  std::thread oom(
      [&] { EXPECT_EQ(agent_.NextOom(&call).status().code(), StatusCode::kCancelled); });
  std::thread wait(
      [&] { EXPECT_EQ(agent_.WaitProcess(&call, init_).status().code(), StatusCode::kCancelled); });
  Ok(agent_.ReseedRandom(nullptr, std::string(512, 'r')));
  const std::int64_t begin = Deadline::NowNanos();
  eventfd_write(cancel.get(), 1);
  oom.join();
  wait.join();
  EXPECT_LT(Deadline::NowNanos() - begin, 1'000'000'000);
}

TEST_F(ClientTest, KilledGuestIsNoticedAtOnceAndTheNextOneServes) {
  Start("c", R"("sleep","1000")");
  std::int64_t ended = 0;
  std::thread wait([&] {
    EXPECT_EQ(agent_.WaitProcess(nullptr, init_).status().code(), StatusCode::kUnavailable);
    ended = Deadline::NowNanos();
  });
  std::string text;
  const shoji_sink sink = sdk::SinkTo(&text);
  const std::int64_t begin = Deadline::NowNanos();
  guest_.End();
  wait.join();
  EXPECT_LT(ended - begin, 1'000'000'000);
  EXPECT_EQ(agent_.ReadStdout(nullptr, init_, 1, &sink).code(), StatusCode::kUnavailable);
  EXPECT_EQ(agent_.Stats(nullptr, "c").status().code(), StatusCode::kUnavailable);
  guest_.Start();
  Ok(agent_.Check(nullptr));
  EXPECT_EQ(agent_.Stats(nullptr, "c").status().code(), StatusCode::kNotFound) << "another guest";
}

TEST_F(ClientTest, StoppedGuest) {
  Start("c", R"("sleep","1000")");
  guest_.Signal(SIGSTOP);
  const shoji_call call = Within(milliseconds(100));
  EXPECT_EQ(agent_.Stats(&call, "c").status().code(), StatusCode::kDeadlineExceeded);
  EXPECT_LT(Deadline::NowNanos() - call.deadline_ns, 1'000'000'000);
  const std::int64_t begin = Deadline::NowNanos();
  EXPECT_EQ(agent_.WaitProcess(nullptr, init_).status().code(), StatusCode::kUnavailable);
  EXPECT_GE(Deadline::NowNanos() - begin, 2'000'000'000) << "it was waited for";
  guest_.Signal(SIGCONT);
  EXPECT_TRUE(agent_.Stats(nullptr, "c").ok()) << "it goes on";
}

}  // namespace
}  // namespace shoji::agent_kata
