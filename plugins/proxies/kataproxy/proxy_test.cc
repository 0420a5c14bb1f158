// The plugin with the real program, in front of a guest that echoes.
#include "proxy.h"

#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "process.h"
#include "shoji/base/file.h"
#include "shoji/base/socket.h"
#include "shoji/mux/testing/fake_guest.h"
#include "shoji/sdk/testing/fake_host.h"

namespace shoji::kataproxy {
namespace {

using mux::FakeGuest;
using proxies::FindProcess;
using proxies::HasEnded;
using proxies::ParseState;
using proxies::ProxyState;
using proxies::StartTicks;
using sdk::testing::FakeCall;
using sdk::testing::FakeHost;
using sdk::testing::FakeOptions;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

class KataProxyTest : public ::testing::Test {
 protected:
  using Made = Result<std::unique_ptr<sdk::ProxyBase>>;

  KataProxyTest() {
    char name[] = "/tmp/kataproxy.XXXXXX";
    dir_ = mkdtemp(name);
    mkdir(run_dir().c_str(), 0700);
    program_ = SHOJI_PROXY_PROGRAM;
  }
  ~KataProxyTest() override { std::filesystem::remove_all(dir_); }

  std::string serial() const { return dir_ + "/kata.sock"; }
  std::string run_dir() const { return dir_ + "/proxy"; }
  std::vector<std::string> Left() const { return *ListDir(run_dir()); }

  Made Start(const shoji_call* call = nullptr) {
    const std::string url = "unix://" + serial();
    shoji_proxy_params params{};
    params.struct_size = sizeof params;
    params.sandbox_id = sdk::ToStr("s1");
    params.run_dir = sdk::ToStr(dir_for_params_ = run_dir());
    params.agent_url = sdk::ToStr(url);
    params.console_url = sdk::ToStr(console_);
    const FakeOptions options({{"path", program_}, {"debug", console_.empty() ? "false" : "true"}});
    return KataProxy::Start(sdk::Host(host_.raw()), options.raw(), call, params);
  }
  std::unique_ptr<sdk::ProxyBase> Started() {
    Made proxy = Start();
    EXPECT_TRUE(proxy.ok()) << proxy.status().message();
    return proxy.ok() ? std::move(*proxy) : nullptr;
  }
  Made Attach(const std::string& state) {
    return KataProxy::Attach(sdk::Host(host_.raw()), nullptr, nullptr, state);
  }
  // A program of the test's own.
  void Script(const std::string& text) {
    program_ = dir_ + "/program";
    ASSERT_TRUE(WriteFile(program_, "#!/bin/sh\n" + text + "\n", 0700).ok());
  }
  static std::string Echo(sdk::ProxyBase& proxy, const std::string& text) {
    const Result<int> fd = proxy.Connect(nullptr);
    if (!fd.ok()) return fd.status().message();
    const UniqueFd owned(*fd);
    if (!WriteAll(*fd, text).ok()) return "cannot write";
    shutdown(*fd, SHUT_WR);
    return *ReadAll(*fd);
  }
  static void KillAndAwait(pid_t pid) {
    const auto ticks = StartTicks(pid);
    ASSERT_TRUE(ticks.ok());
    const UniqueFd pidfd = FindProcess(pid, *ticks);
    ASSERT_EQ(kill(pid, SIGKILL), 0);
    pollfd p{pidfd.get(), POLLIN, 0};
    ASSERT_EQ(poll(&p, 1, 20'000), 1);
  }

  FakeHost host_;
  std::string dir_;
  std::string program_;
  std::string console_;
  std::string dir_for_params_;
};

TEST_F(KataProxyTest, CommandLineIsKatas) {
  FakeGuest guest(serial(), {});
  const auto proxy = Started();
  EXPECT_THAT(
      host_.spawned(),
      ElementsAre(ElementsAre(program_, "-listen-socket", "unix://" + run_dir() + "/proxy.sock",
                              "-mux-socket", "unix://" + serial(), "-sandbox", "s1")));
  EXPECT_TRUE(proxy->Stop(nullptr).ok());
}

TEST_F(KataProxyTest, FromStartToStop) {
  FakeGuest guest(serial(), {});
  const auto proxy = Started();
  for (const char* text : {"one", "two", ""}) EXPECT_EQ(Echo(*proxy, text), text);
  EXPECT_EQ(guest.clients, 1);
  const auto info = proxy->Info();
  EXPECT_EQ(info->url, "unix://" + run_dir() + "/proxy.sock");
  EXPECT_EQ(kill(info->pid, 0), 0);
  EXPECT_TRUE(proxy->Stop(nullptr).ok());
  EXPECT_EQ(kill(info->pid, 0), -1) << "reaped as well";
  EXPECT_THAT(Left(), ElementsAre());
  EXPECT_TRUE(proxy->Stop(nullptr).ok());
}

TEST_F(KataProxyTest, OutlivesTheHandleAndIsFoundAgain) {
  FakeGuest guest(serial(), {});
  auto first = Started();
  const std::string state = *first->SaveState();
  EXPECT_LE(state.size(), 4096U);
  first.reset();
  Made second = Attach(state);
  ASSERT_TRUE(second.ok());
  Made third = Attach(*(*second)->SaveState());
  EXPECT_EQ(Echo(**second, "two"), "two");
  EXPECT_EQ(Echo(**third, "three"), "three");
  EXPECT_TRUE((*second)->Stop(nullptr).ok());
  EXPECT_EQ((*third)->Connect(nullptr).status().code(), StatusCode::kUnavailable);
  EXPECT_TRUE((*third)->Stop(nullptr).ok());
  EXPECT_THAT(Left(), ElementsAre());
}

TEST_F(KataProxyTest, KilledItSaysSoAndStopCleansUp) {
  FakeGuest guest(serial(), {});
  const auto proxy = Started();
  const std::string state = *proxy->SaveState();
  EXPECT_EQ(Echo(*proxy, "x"), "x");
  KillAndAwait(proxy->Info()->pid);
  const Status gone = proxy->Connect(nullptr).status();
  EXPECT_EQ(gone.code(), StatusCode::kUnavailable);
  EXPECT_THAT(gone.message(), HasSubstr("proxy of sandbox s1"));
  EXPECT_THAT(gone.message(), HasSubstr("killed by signal 9"));
  EXPECT_THAT(host_.logs(), ElementsAre(testing::Pair(SHOJI_LOG_ERROR, gone.message())));
  EXPECT_EQ(proxy->Connect(nullptr).status().message(), gone.message());
  EXPECT_EQ(host_.logs().size(), 1U) << "said once";
  EXPECT_FALSE(proxy->ConsoleWatched());
  Made attached = Attach(state);
  ASSERT_TRUE(attached.ok());
  EXPECT_THAT((*attached)->Connect(nullptr).status().message(), HasSubstr("has ended"));
  EXPECT_TRUE((*attached)->Stop(nullptr).ok());
  EXPECT_THAT(Left(), ElementsAre());
}

TEST_F(KataProxyTest, TheVmsEndIsItsEndWithItsWords) {
  FakeGuest guest(serial(), {});
  const auto proxy = Started();
  const auto state = *ParseState("kataproxy", *proxy->SaveState());
  const UniqueFd pidfd = FindProcess(state.pid, state.start_ticks);
  guest.Die();
  pollfd p{pidfd.get(), POLLIN, 0};
  ASSERT_EQ(poll(&p, 1, 20'000), 1);
  EXPECT_THAT(proxy->Connect(nullptr).status().message(),
              AllOf(HasSubstr("exit status 1"), HasSubstr("the VM closed the agent channel")));
  EXPECT_TRUE(proxy->Stop(nullptr).ok());
}

TEST_F(KataProxyTest, NoVmNoProxy) {
  const Made proxy = Start();
  EXPECT_EQ(proxy.status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(proxy.status().message(), HasSubstr("no VM listens on the agent channel"));
  EXPECT_THAT(Left(), ElementsAre());
}

TEST_F(KataProxyTest, OneAtATimeAndTheNextAfterAKill) {
  FakeGuest guest(serial(), {});
  const auto first = Started();
  EXPECT_EQ(Start().status().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(Echo(*first, "unharmed"), "unharmed");
  KillAndAwait(first->Info()->pid);
  const auto second = Started();
  EXPECT_EQ(Echo(*second, "next"), "next");
  EXPECT_TRUE(second->Stop(nullptr).ok());
}

TEST_F(KataProxyTest, ANumberThatSomebodyElseHasNowIsLeftAlone) {
  FakeGuest guest(serial(), {});
  const auto proxy = Started();
  ProxyState state = *ParseState("kataproxy", *proxy->SaveState());
  ++state.start_ticks;
  Made other = Attach(FormatState(state));
  ASSERT_TRUE(other.ok());
  EXPECT_TRUE((*other)->Stop(nullptr).ok());
  EXPECT_FALSE(HasEnded(FindProcess(state.pid, state.start_ticks - 1).get()));
  EXPECT_TRUE(proxy->Stop(nullptr).ok());
}

TEST_F(KataProxyTest, ProgramsThatAreNoProxy) {
  FakeGuest guest(serial(), {});
  program_ = "/nonexistent/kata-proxy";
  EXPECT_EQ(Start().status().code(), StatusCode::kNotFound);
  program_ = "kata-proxy";
  EXPECT_EQ(Start().status().code(), StatusCode::kInvalidArgument);
  Script("echo broken; exit 7");
  EXPECT_THAT(Start().status().message(),
              AllOf(HasSubstr("exit status 7"), HasSubstr("it said: broken")));
  EXPECT_THAT(Left(), ElementsAre());
}

TEST_F(KataProxyTest, OneThatNeverListensIsEndedInTime) {
  Script("exec sleep 1000");
  const FakeCall call(50ms);
  EXPECT_EQ(Start(call.raw()).status().code(), StatusCode::kDeadlineExceeded);
  const FakeCall cancelled;
  cancelled.Cancel();
  EXPECT_EQ(Start(cancelled.raw()).status().code(), StatusCode::kCancelled);
  EXPECT_THAT(Left(), ElementsAre());
}

TEST_F(KataProxyTest, OneThatIgnoresTermIsKilled) {
  FakeGuest guest(serial(), {});
  Script("trap '' TERM; mkfifo " + dir_ + "/fifo; read word < " + dir_ + "/fifo");
  const FakeCall call(200ms);
  EXPECT_EQ(Start(call.raw()).status().code(), StatusCode::kDeadlineExceeded);
  EXPECT_THAT(Left(), ElementsAre());
}

TEST_F(KataProxyTest, WithoutAPathItIsTheInstalledOne) {
  FakeGuest guest(serial(), {});
  host_.SetDir(SHOJI_DIR_LIBEXEC, std::filesystem::path(program_).parent_path());
  program_ = "";
  const auto proxy = Started();
  EXPECT_EQ(Echo(*proxy, "x"), "x");
  EXPECT_TRUE(proxy->Stop(nullptr).ok());
}

TEST_F(KataProxyTest, WatchesTheConsoleForDebugging) {
  FakeGuest guest(serial(), {});
  UniqueFd console = std::move(*ListenUnix(dir_ + "/console.sock"));
  console_ = "unix://" + dir_ + "/console.sock";
  const auto proxy = Started();
  EXPECT_TRUE(proxy->ConsoleWatched());
  const UniqueFd end(accept4(console.get(), nullptr, nullptr, SOCK_CLOEXEC));
  EXPECT_GE(end.get(), 0);
  EXPECT_TRUE(proxy->Stop(nullptr).ok());
}

TEST_F(KataProxyTest, StatesThatCannotBeRead) {
  for (const char* bad : {"", "noise", "kataproxy 1\nend\n"}) {
    EXPECT_EQ(Attach(bad).status().code(), StatusCode::kDataLoss) << bad;
  }
}

}  // namespace
}  // namespace shoji::kataproxy
