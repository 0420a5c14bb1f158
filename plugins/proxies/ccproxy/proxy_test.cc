// The plugin with the double of cc-proxy, in front of a guest that only says that it is ready; and
// its frames, byte for byte.
#include "proxy.h"

#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "process.h"
#include "shoji/base/file.h"
#include "shoji/base/socket.h"
#include "shoji/ccproto/messages.h"
#include "shoji/sdk/testing/fake_host.h"

namespace shoji::ccproxy {
namespace {

using sdk::testing::FakeCall;
using sdk::testing::FakeHost;
using sdk::testing::FakeOptions;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

const std::string kReady("\0\0\0\x08\0\0\0\x08", 8);
const std::string kAck("\0\0\0\x09\0\0\0\x08", 8);

// hyperstart, as far as cc-proxy must see it.
class Guest {
 public:
  explicit Guest(const std::string& dir)
      : control_(*ListenUnix(dir + "/hyper.sock")), streams_(*ListenUnix(dir + "/tty.sock")) {}
  ~Guest() {
    shutdown(control_.get(), SHUT_RDWR);
    shutdown(streams_.get(), SHUT_RDWR);
    if (connection_) shutdown(connection_.get(), SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
  }
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;

  // Says that it is ready, and yes to everything.
  void Boot() {
    connection_.reset(accept4(control_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    other_.reset(accept4(streams_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    ASSERT_TRUE(WriteAll(connection_.get(), kReady).ok());
    thread_ = std::thread([this] {
      char bytes[4096];  // a command comes as one piece
      while (recv(connection_.get(), bytes, sizeof bytes, 0) > 0) {
        if (!WriteAll(connection_.get(), kAck).ok()) return;
      }
    });
  }

 private:
  UniqueFd control_;
  UniqueFd streams_;
  UniqueFd connection_;
  UniqueFd other_;
  std::thread thread_;
};

class CcProxyTest : public ::testing::Test {
 protected:
  using Made = Result<std::unique_ptr<sdk::ProxyBase>>;

  CcProxyTest() {
    char name[] = "/tmp/ccproxy.XXXXXX";
    dir_ = mkdtemp(name);
    mkdir(run_dir().c_str(), 0700);
    url_ = "unix://" + dir_ + "/hyper.sock";
  }
  ~CcProxyTest() override { std::filesystem::remove_all(dir_); }

  std::string run_dir() const { return dir_ + "/proxy"; }
  std::string socket() const { return run_dir() + "/proxy.sock"; }
  std::vector<std::string> Left() const { return *ListDir(run_dir()); }

  Made Start(const shoji_call* call = nullptr) {
    const std::string run = run_dir();
    shoji_proxy_params params{};
    params.struct_size = sizeof params;
    params.sandbox_id = sdk::ToStr("s1");
    params.run_dir = sdk::ToStr(run);
    params.agent_url = sdk::ToStr(url_);
    params.console_url = sdk::ToStr(console_);
    const FakeOptions options({{"path", program_},
                               {"io_socket", io_socket_},
                               {"debug", console_.empty() ? "false" : "true"}});
    return CcProxy::Start(sdk::Host(host_.raw()), options.raw(), call, params);
  }
  std::unique_ptr<sdk::ProxyBase> Started() {
    Made proxy = Start();
    EXPECT_TRUE(proxy.ok()) << proxy.status().message();
    return proxy.ok() ? std::move(*proxy) : nullptr;
  }
  Made Attach(const std::string& state) {
    return CcProxy::Attach(sdk::Host(host_.raw()), nullptr, nullptr, state);
  }
  void Script(const std::string& text) {
    program_ = dir_ + "/program";
    ASSERT_TRUE(WriteFile(program_, "#!/bin/sh\n" + text + "\n", 0700).ok());
  }
  // What the guest says to a ping over a connection of the proxy's.
  static Status Ping(sdk::ProxyBase& proxy) {
    const Result<int> fd = proxy.Connect(nullptr);
    if (!fd.ok()) return fd.status();
    ccproto::Client client((UniqueFd(*fd)));
    return client
        .Call(ccproto::kHyper, *ccproto::HyperJson("ping", {}, ""), {Deadline::After(20s), -1})
        .status();
  }
  static void KillAndAwait(pid_t pid) {
    const auto ticks = proxies::StartTicks(pid);
    ASSERT_TRUE(ticks.ok());
    const UniqueFd pidfd = proxies::FindProcess(pid, *ticks);
    ASSERT_EQ(kill(pid, SIGKILL), 0);
    pollfd p{pidfd.get(), POLLIN, 0};
    ASSERT_EQ(poll(&p, 1, 20'000), 1);
  }

  FakeHost host_;
  std::string dir_;
  std::string url_;
  std::string program_ = SHOJI_CC_PROXY;
  std::string io_socket_ = "tty.sock";
  std::string console_;
};

TEST_F(CcProxyTest, FromStartToStop) {
  Guest guest(dir_);
  const auto proxy = Started();
  EXPECT_THAT(host_.spawned(), ElementsAre(ElementsAre(program_, "-uri", "unix://" + socket())));
  guest.Boot();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Ping(*proxy).ok()) << Ping(*proxy).message();
  const auto info = proxy->Info();
  EXPECT_EQ(info->url, "unix://" + socket());
  EXPECT_TRUE(proxy->Stop(nullptr).ok());
  EXPECT_EQ(kill(info->pid, 0), -1) << "reaped as well";
  EXPECT_THAT(Left(), ElementsAre());
  EXPECT_TRUE(proxy->Stop(nullptr).ok());
}

TEST_F(CcProxyTest, OthersAttach) {
  Guest guest(dir_);
  const auto proxy = Started();
  guest.Boot();
  ASSERT_TRUE(Ping(*proxy).ok());
  Made other = Attach(*proxy->SaveState());
  ASSERT_TRUE(other.ok());
  EXPECT_TRUE(Ping(**other).ok()) << Ping(**other).message();
  EXPECT_EQ(*(*other)->SaveState(), *proxy->SaveState());
  EXPECT_TRUE((*other)->Stop(nullptr).ok());
  EXPECT_THAT(Left(), ElementsAre());
}

TEST_F(CcProxyTest, StartDoesNotWaitForTheGuestButTheFirstConnectionDoes) {
  Guest guest(dir_);
  const auto proxy = Started();
  const FakeCall soon(50ms);
  EXPECT_EQ(proxy->Connect(soon.raw()).status().code(), StatusCode::kDeadlineExceeded);
  const FakeCall cancelled;
  cancelled.Cancel();
  EXPECT_EQ(proxy->Connect(cancelled.raw()).status().code(), StatusCode::kCancelled);
  guest.Boot();
  EXPECT_TRUE(Ping(*proxy).ok()) << "the answer was still to come";
  EXPECT_TRUE(proxy->Stop(nullptr).ok());
}

TEST_F(CcProxyTest, StoppedBeforeTheGuestIsThere) {
  Guest guest(dir_);
  const auto proxy = Started();
  EXPECT_TRUE(proxy->Stop(nullptr).ok());
  EXPECT_THAT(Left(), ElementsAre());
}

TEST_F(CcProxyTest, RefusalsAreToldInItsWords) {
  const auto proxy = Started();  // in front of no guest
  const auto fd = proxy->Connect(nullptr);
  EXPECT_EQ(fd.status().code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(fd.status().message(), HasSubstr("cc-proxy refuses RegisterVM: "));
  EXPECT_THAT(fd.status().message(), HasSubstr("No such file"));
  EXPECT_THAT(proxy->Connect(nullptr).status().message(), HasSubstr("refuses AttachVM"));
  EXPECT_TRUE(proxy->Stop(nullptr).ok());
  EXPECT_THAT(Left(), ElementsAre());
}

TEST_F(CcProxyTest, KilledIsNamedAndLeavesNothing) {
  Guest guest(dir_);
  const auto proxy = Started();
  guest.Boot();
  ASSERT_TRUE(Ping(*proxy).ok());
  KillAndAwait(proxy->Info()->pid);
  const Status gone = Ping(*proxy);
  EXPECT_EQ(gone.code(), StatusCode::kUnavailable);
  EXPECT_THAT(gone.message(), HasSubstr("the proxy of sandbox s1, process "));
  EXPECT_THAT(gone.message(), HasSubstr("killed by signal 9"));
  EXPECT_EQ(host_.logs().size(), 1U) << "said aloud once";
  EXPECT_EQ(Ping(**Attach(*proxy->SaveState())).code(), StatusCode::kUnavailable);
  EXPECT_TRUE(proxy->Stop(nullptr).ok());
  EXPECT_THAT(Left(), ElementsAre());
}

TEST_F(CcProxyTest, KilledBeforeTheGuestIsThere) {
  Guest guest(dir_);
  const auto proxy = Started();
  KillAndAwait(proxy->Info()->pid);
  EXPECT_THAT(proxy->Connect(nullptr).status().message(), HasSubstr("killed by signal 9"));
  EXPECT_TRUE(proxy->Stop(nullptr).ok());
  EXPECT_THAT(Left(), ElementsAre());
}

TEST_F(CcProxyTest, ProgramThatFailsIsQuoted) {
  Script("echo cannot go on; exit 9");
  const auto proxy = Start();
  EXPECT_EQ(proxy.status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(proxy.status().message(), HasSubstr("exit status 9; it said: cannot go on"));
  EXPECT_THAT(Left(), ElementsAre());
  program_ = "/nonexistent/cc-proxy";
  EXPECT_EQ(Start().status().code(), StatusCode::kNotFound);
  EXPECT_THAT(Left(), ElementsAre());
}

TEST_F(CcProxyTest, ParametersThatCannotBeUsed) {
  const auto refusal = [&] {
    const auto proxy = Start();
    EXPECT_EQ(proxy.status().code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(Left(), ElementsAre());
    return proxy.status().message();
  };
  for (const char* name : {"", "a/b", "/tty.sock"}) {
    io_socket_ = name;
    EXPECT_THAT(refusal(), HasSubstr("proxy.ccproxy.io_socket"));
  }
  url_ = "vsock://3:1024";
  EXPECT_THAT(refusal(), HasSubstr("vsock://3:1024"));
  program_ = "";
  EXPECT_THAT(refusal(), HasSubstr("proxy.ccproxy.path takes an absolute path"));
  EXPECT_EQ(Attach("noise").status().code(), StatusCode::kDataLoss);
}

// The test itself listens in the place of the program: what comes is what was written by hand.
TEST_F(CcProxyTest, FramesByteForByte) {
  Script("exec sleep 1000");
  console_ = "unix:///c.sock";
  url_ = "unix:///hyper.sock";
  // Made beside its place, for Start() removes what a predecessor left there.
  const UniqueFd listener = *ListenUnix(dir_ + "/theirs");
  std::thread mover([&] {
    while (host_.spawned().empty()) std::this_thread::yield();
    std::filesystem::rename(dir_ + "/theirs", socket());
  });
  const auto proxy = Started();
  mover.join();
  const UniqueFd first(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  const auto expect = [](int fd, const std::string& bytes) {
    std::string got(bytes.size(), '\0');
    ASSERT_EQ(recv(fd, got.data(), got.size(), MSG_WAITALL), static_cast<ssize_t>(bytes.size()));
    EXPECT_EQ(got, bytes);
  };
  const auto header = [](char type, char opcode, char size) {
    return std::string("\0\x02\x03\0\0\0", 6) + type + opcode + std::string(3, '\0') + size;
  };
  expect(first.get(), header(0, 0, 89) + R"({"containerId":"s1","ctlSerial":"/hyper.sock",)"
                                         R"("ioSerial":"/tty.sock","console":"/c.sock"})");
  ASSERT_TRUE(WriteAll(first.get(), header(1, 0, 0)).ok());
  const Result<int> registered = proxy->Connect(nullptr);
  ASSERT_TRUE(registered.ok());
  const UniqueFd ours(*registered);
  ASSERT_TRUE(WriteAll(first.get(), "goes through").ok());
  expect(ours.get(), "goes through");
  std::thread runtime([&] { EXPECT_FALSE(proxy->Connect(nullptr).ok()); });
  const UniqueFd second(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  expect(second.get(), header(0, 2, 37) + R"({"containerId":"s1","numIOStreams":0})");
  EXPECT_TRUE(WriteAll(second.get(), header(0x11, 2, 12) + R"({"msg":"no"})").ok());
  runtime.join();
  std::thread stopper([&] { EXPECT_TRUE(proxy->Stop(nullptr).ok()); });
  const UniqueFd third(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  expect(third.get(), header(0, 1, 20) + R"({"containerId":"s1"})");
  EXPECT_TRUE(WriteAll(third.get(), header(0x11, 1, 12) + R"({"msg":"no"})").ok());
  stopper.join();
  EXPECT_THAT(Left(), ElementsAre());
}

}  // namespace
}  // namespace shoji::ccproxy
