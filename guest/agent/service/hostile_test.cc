// Clients that mean no good: whatever they send, the agent lives, keeps nothing, and serves the
// others.

#include <dirent.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "shoji/base/file.h"
#include "shoji/base/socket.h"
#include "shoji/base/strings.h"
#include "testing/files.h"
#include "testing/guest.h"

namespace shoji::agent {
namespace {

using testing::Guest;

// Kilobytes that the agent may hold more afterwards.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
// A sanitizer keeps what was freed, up to 256 MiB, and has a shadow of it.
constexpr std::int64_t kMayKeep = 512 * 1024;
#else
constexpr std::int64_t kMayKeep = 40 * 1024;
#endif

// What a process holds.
struct Holdings {
  std::size_t descriptors = 0;
  std::size_t children = 0;
  std::int64_t kilobytes = 0;
};

Holdings HoldingsOf(pid_t pid) {
  const std::string dir = "/proc/" + std::to_string(pid);
  Holdings held;
  const auto fds = ListDir(dir + "/fd");
  EXPECT_TRUE(fds.ok());
  held.descriptors = fds->size();
  const auto children = ReadFile(dir + "/task/" + std::to_string(pid) + "/children", 1U << 20U);
  if (children.ok()) held.children = Split(Trim(*children), ' ').size();
  const auto status = ReadFile(dir + "/status", 1U << 16U);
  for (const std::string& line : Split(*status, '\n')) {
    if (line.starts_with("VmRSS:")) held.kilobytes = std::atoll(line.c_str() + 6);
  }
  return held;
}

class Hostile : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(guest_.CreateSandbox().ok());
    ASSERT_TRUE(guest_.Run("good", {"cat"}).ok());
    before_ = HoldingsOf(guest_.pid());
  }
  // The agent is alive, serves, and holds what it held. Connections that were just dropped may
  // take it a moment: each call here comes after them.
  void TearDown() override {
    Holdings now;
    for (int i = 0; i < 200; ++i) {
      EXPECT_TRUE(Serves());
      now = HoldingsOf(guest_.pid());
      if (now.descriptors <= before_.descriptors && now.children <= before_.children) break;
    }
    EXPECT_LE(now.descriptors, before_.descriptors);
    EXPECT_LE(now.children, before_.children);
    EXPECT_LE(now.kilobytes, before_.kilobytes + kMayKeep) << "it keeps memory";
    EXPECT_EQ(HoldingsOf(guest_.pid()).descriptors, now.descriptors);
  }
  bool Serves() {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    grpc::HealthCheckResponse reply;
    return guest_.health().Check(&context, {}, &reply).ok();
  }
  UniqueFd Connect() {
    auto fd = ConnectUnix(guest_.socket());
    EXPECT_TRUE(fd.ok());
    return std::move(*fd);
  }

  testing::TempDir sys_;  // nothing of this machine shall be switched on or off
  Guest guest_{{sys_.path(), {}}};
  Holdings before_;
};

// Raw HTTP/2 of a client: preface, SETTINGS, then requests without compression of headers.
std::string Frame(int type, int flags, std::uint32_t stream, const std::string& payload) {
  std::string frame;
  for (const int shift : {16, 8, 0}) frame += static_cast<char>(payload.size() >> shift & 0xffU);
  frame += static_cast<char>(type);
  frame += static_cast<char>(flags);
  for (const int shift : {24, 16, 8, 0}) frame += static_cast<char>(stream >> shift & 0xffU);
  return frame + payload;
}
std::string Hello() { return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Frame(4, 0, 0, ""); }

std::string Literal(const std::string& name, const std::string& value) {
  return std::string(1, '\0') + static_cast<char>(name.size()) + name +
         static_cast<char>(value.size()) + value;
}
std::string Headers(const std::string& method) {
  return Literal(":method", "POST") + Literal(":scheme", "http") +
         Literal(":path", "/grpc.AgentService/" + method) + Literal(":authority", "x") +
         Literal("content-type", "application/grpc") + Literal("te", "trailers");
}
std::string Message(const std::string& body) {
  std::string text(1, '\0');
  for (const int shift : {24, 16, 8, 0}) text += static_cast<char>(body.size() >> shift & 0xffU);
  return text + body;
}
std::string Request(std::uint32_t stream, const std::string& method, const std::string& body) {
  return Frame(1, 4, stream, Headers(method)) + Frame(0, 1, stream, Message(body));
}

constexpr const char* kMethods[] = {
    "CreateContainer", "StartContainer",  "RemoveContainer",   "ExecProcess",    "SignalProcess",
    "WaitProcess",     "ListProcesses",   "UpdateContainer",   "StatsContainer", "PauseContainer",
    "ResumeContainer", "WriteStdin",      "ReadStdout",        "ReadStderr",     "CloseStdin",
    "TtyWinResize",    "UpdateInterface", "UpdateRoutes",      "ListInterfaces", "ListRoutes",
    "AddARPNeighbors", "StartTracing",    "StopTracing",       "CreateSandbox",  "OnlineCPUMem",
    "ReseedRandomDev", "GetGuestDetails", "MemHotplugByProbe", "CopyFile",       "GetOOMEvent",
    "NoSuchMethod"};

// Sends what the peer takes, reading its answers meanwhile, and drops the connection.
void Pour(int fd, const std::string& bytes) {
  ASSERT_TRUE(SetNonBlocking(fd, true).ok());
  std::size_t sent = 0;
  char buffer[65536];
  while (sent < bytes.size()) {
    const ssize_t n = send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n > 0) sent += static_cast<std::size_t>(n);
    if (n < 0 && errno != EAGAIN) return;  // it has closed on us
    while (read(fd, buffer, sizeof buffer) > 0) {
    }
  }
}

// What is sent here is understood: noise in it is noise for the calls.
TEST_F(Hostile, RawCallsAreAnswered) {
  const UniqueFd fd = Connect();
  ASSERT_TRUE(WriteAll(fd.get(), Hello() + Request(1, "GetGuestDetails", "")).ok());
  std::string answer;
  char buffer[4096];
  while (answer.find("virtio-fs") == std::string::npos) {
    const ssize_t n = read(fd.get(), buffer, sizeof buffer);
    ASSERT_GT(n, 0);
    answer.append(buffer, static_cast<std::size_t>(n));
  }
}

TEST_F(Hostile, RandomCallsWithRandomBodies) {
  std::mt19937 random(20240607);
  for (int round = 0; round < 40; ++round) {
    std::string bytes = Hello();
    for (std::uint32_t i = 0; i < 100; ++i) {
      std::string body;
      // Ids of nobody, of the good one (field 1 of most requests), noise behind them.
      if (random() % 2 == 0) body += random() % 2 == 0 ? "\x0a\x03no!" : "\x0a\x02xx";
      for (auto n = random() % 40; n > 0; --n) body += static_cast<char>(random());
      bytes += Request(1 + 2 * i, kMethods[random() % std::size(kMethods)], body);
    }
    const UniqueFd fd = Connect();
    Pour(fd.get(), bytes);
  }
}

TEST_F(Hostile, HalfMessagesAndNoise) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::string bytes = Hello() + Request(1, "CreateContainer", std::string(300, 'x'));
    for (auto n = random() % 4; n > 0; --n) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    const UniqueFd fd = Connect();
    Pour(fd.get(), bytes.substr(0, random() % bytes.size()));
  }
}

TEST_F(Hostile, AbsurdSizes) {
  for (const std::string& prefix :
       {std::string("\0\xff\xff\xff\xff", 5), std::string("\0\x7f\xff\xff\xff", 5),
        std::string("\1\0\0\0\1", 5)}) {
    const UniqueFd fd = Connect();
    Pour(fd.get(), Hello() + Frame(1, 4, 1, Headers("CopyFile")) + Frame(0, 0, 1, prefix));
  }
  // Many large requests that never end: what is held of them is bounded, and others go on.
  std::vector<UniqueFd> open;
  for (int i = 0; i < 12; ++i) {
    open.push_back(Connect());
    std::string bytes = Hello();
    for (std::uint32_t stream = 1; stream < 200; stream += 2) {
      bytes += Frame(1, 4, stream, Headers("CopyFile")) +
               Frame(0, 0, stream, std::string("\0\0\xff\0\0", 5) + std::string(600, 'x'));
    }
    Pour(open.back().get(), bytes);
  }
  EXPECT_TRUE(Serves());
}

TEST_F(Hostile, AThousandStreamsOpenedAndDropped) {
  for (int round = 0; round < 10; ++round) {
    const UniqueFd fd = Connect();
    std::string bytes = Hello();
    for (std::uint32_t stream = 1; stream < 2001; stream += 2) {
      // Calls that wait for ever: some are reset, the others dropped with the connection.
      bytes += Request(stream, stream % 4 == 1 ? "GetOOMEvent" : "WaitProcess",
                       "\x0a\x04good\x12\x04good");
      if (stream % 3 == 0) bytes += Frame(3, 0, stream, std::string("\0\0\0\x08", 4));
    }
    Pour(fd.get(), bytes);
  }
}

TEST_F(Hostile, MoreConnectionsThanAreServed) {
  std::vector<UniqueFd> open;
  for (int i = 0; i < 400; ++i) {
    auto fd = ConnectUnix(guest_.socket());
    if (!fd.ok()) break;
    open.push_back(std::move(*fd));
  }
  EXPECT_TRUE(Serves()) << "who was there before";
}

TEST_F(Hostile, TenThousandExecsOfWhichMostFail) {
  grpc::ExecProcessRequest bad;
  bad.set_container_id("good");
  bad.mutable_process()->add_args("/no/such/command");
  bad.mutable_process()->set_cwd("relative");  // refused before a process is made
  for (int i = 0; i < 9600; ++i) {
    grpc::ClientContext context;
    google::protobuf::Empty empty;
    bad.set_exec_id("bad" + std::to_string(i));
    if (i % 48 == 0) bad.mutable_process()->set_cwd("/");  // and some by the process itself
    ASSERT_FALSE(guest_.agent().ExecProcess(&context, bad, &empty).ok());
    bad.mutable_process()->set_cwd("relative");
  }
  for (int i = 0; i < 400; ++i) {
    const std::string id = "e" + std::to_string(i);
    const grpc::Status made = guest_.Exec("good", id, {"true"});
    ASSERT_TRUE(made.ok()) << i << ": " << made.error_message();
    ASSERT_EQ(guest_.Wait("good", id), 0);
    // Nobody reads their output; what ended and was told makes room for others.
  }
  // Room is made when it is needed: the last ones may still be there.
  EXPECT_EQ(guest_.ReadAll("good", "e399"), "");
  ASSERT_TRUE(guest_.Remove("good").ok());
  ASSERT_TRUE(guest_.Run("good", {"cat"}).ok());
}

TEST_F(Hostile, OthersAreServedMeanwhile) {
  std::atomic<bool> stop = false;
  std::thread enemy([&] {
    std::mt19937 random(3);
    while (!stop) {
      const UniqueFd fd = Connect();
      std::string bytes = Hello();
      for (std::uint32_t i = 0; i < 200; ++i) {
        bytes += Request(1 + 2 * i, kMethods[random() % std::size(kMethods)], "\x0a\x02no");
      }
      Pour(fd.get(), bytes);
    }
  });
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(Serves());
  stop = true;
  enemy.join();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

}  // namespace
}  // namespace shoji::agent
