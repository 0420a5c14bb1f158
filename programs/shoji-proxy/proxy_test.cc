// The program itself, in front of a guest that echoes.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "shoji/base/deadline.h"
#include "shoji/base/file.h"
#include "shoji/base/socket.h"
#include "shoji/base/strings.h"
#include "shoji/mux/testing/fake_guest.h"
#include "shoji/spawn/spawn.h"

namespace shoji {
namespace {

using mux::FakeGuest;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

std::string TextOf(Result<std::string> text) { return text.ok() ? *text : std::string(); }

// A proxy, and what it says.
class Proxy {
 public:
  explicit Proxy(std::vector<std::string> flags) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) std::abort();
    out_.reset(ends[0]);
    const UniqueFd theirs(ends[1]);
    SpawnOptions options;
    options.argv = std::move(flags);
    options.argv.insert(options.argv.begin(), SHOJI_PROXY_PROGRAM);
    options.fds = {{theirs.get(), 1}, {theirs.get(), 2}};
    Result<Child> child = Spawn(options);
    if (!child.ok()) std::abort();
    child_ = std::move(*child);
  }
  ~Proxy() {
    if (child_.pid() > 0) static_cast<void>(child_.Kill());
  }
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  pid_t pid() const { return child_.pid(); }
  // Reads until a line has `text`. False: it has ended before.
  bool AwaitLine(const std::string& text) {
    char byte = 0;
    while (said_.find(text) == std::string::npos || said_.back() != '\n') {
      if (read(out_.get(), &byte, 1) != 1) return false;
      said_ += byte;
    }
    return true;
  }
  void Signal(int signal) { ASSERT_TRUE(child_.Signal(signal).ok()); }
  // Its exit status, or 128 + signal.
  int Wait() {
    const Result<ExitStatus> exit = child_.Wait(Deadline::After(20s));
    if (!exit.ok()) return -1;
    child_ = Child();
    said_ += TextOf(ReadAll(out_.get()));
    return exit->signal != 0 ? 128 + exit->signal : exit->code;
  }
  const std::string& said() const { return said_; }

 private:
  UniqueFd out_;
  Child child_;
  std::string said_;
};

class ProxyProgram : public ::testing::Test {
 protected:
  ProxyProgram() {
    char name[] = "/tmp/proxy-program.XXXXXX";
    dir_ = mkdtemp(name);
  }
  ~ProxyProgram() override { std::filesystem::remove_all(dir_); }

  std::string serial() const { return dir_ + "/kata.sock"; }
  std::string socket() const { return dir_ + "/proxy.sock"; }
  std::vector<std::string> Flags(const std::string& socket_path) const {
    return {"-listen-socket", "unix://" + socket_path,
            "-mux-socket",    "unix://" + serial(),
            "-sandbox",       "s1",
            "-log",           "info"};
  }
  std::unique_ptr<Proxy> StartAt(const std::string& socket_path) {
    auto proxy = std::make_unique<Proxy>(Flags(socket_path));
    EXPECT_TRUE(proxy->AwaitLine("listens on")) << proxy->said();
    return proxy;
  }
  std::unique_ptr<Proxy> Start() { return StartAt(socket()); }
  UniqueFd Connect() {
    Result<UniqueFd> fd = ConnectUnix(socket());
    EXPECT_TRUE(fd.ok()) << fd.status().message();
    return fd.ok() ? std::move(*fd) : UniqueFd();
  }
  // Sends, half-closes, and gives what came back until the end.
  static std::string RoundTrip(int fd, const std::string& data) {
    std::thread writer([fd, &data] {
      EXPECT_TRUE(WriteAll(fd, data).ok());
      shutdown(fd, SHUT_WR);
    });
    Result<std::string> back = ReadAll(fd);
    writer.join();
    return back.ok() ? *back : back.status().message();
  }
  static bool Ended(int fd) {
    pollfd p{fd, POLLIN, 0};
    char byte = 0;
    return poll(&p, 1, 10'000) == 1 && recv(fd, &byte, 1, 0) <= 0;
  }

  std::string dir_;
};

TEST_F(ProxyProgram, ManyClientsOverOneChannelEachHalfClosed) {
  FakeGuest guest(serial(), {});
  const auto proxy = Start();
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 16; ++i) {
    threads.emplace_back([this, i] {
      const std::string data(i * 100'000, static_cast<char>('a' + i));
      const UniqueFd fd = Connect();
      EXPECT_TRUE(RoundTrip(fd.get(), data) == data) << i;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(guest.clients, 1);
  EXPECT_EQ(guest.opened, 16);
}

TEST_F(ProxyProgram, TermEndsItAndLeavesNoSocket) {
  FakeGuest guest(serial(), {});
  const auto proxy = Start();
  const UniqueFd fd = Connect();
  proxy->Signal(SIGTERM);
  EXPECT_EQ(proxy->Wait(), 0) << proxy->said();
  EXPECT_TRUE(Ended(fd.get()));
  EXPECT_FALSE(PathExists(socket()));
}

TEST_F(ProxyProgram, AfterAKillTheNextOneTakesOver) {
  FakeGuest guest(serial(), {});
  const auto killed = Start();
  const UniqueFd fd = Connect();
  killed->Signal(SIGKILL);
  EXPECT_EQ(killed->Wait(), 128 + SIGKILL);
  EXPECT_TRUE(Ended(fd.get()));
  const auto next = Start();
  const UniqueFd again = Connect();
  EXPECT_EQ(RoundTrip(again.get(), "hello"), "hello");
}

TEST_F(ProxyProgram, EndsWithTheVmAndSaysSo) {
  FakeGuest guest(serial(), {});
  const auto proxy = Start();
  const UniqueFd fd = Connect();
  guest.Die();
  EXPECT_EQ(proxy->Wait(), 1);
  EXPECT_TRUE(Ended(fd.get()));
  EXPECT_FALSE(PathExists(socket()));
  EXPECT_THAT(proxy->said(), HasSubstr("level=fatal msg=\"the VM closed the agent channel"));
}

TEST_F(ProxyProgram, WithoutAVm) {
  Proxy proxy(Flags(socket()));
  EXPECT_EQ(proxy.Wait(), 1);
  EXPECT_THAT(proxy.said(), HasSubstr("no VM listens on the agent channel " + serial()));
  EXPECT_FALSE(PathExists(socket()));
}

TEST_F(ProxyProgram, WrongFlags) {
  Proxy proxy({"-listen-socket", socket()});
  EXPECT_EQ(proxy.Wait(), 2);
  EXPECT_EQ(proxy.said(), "shoji-proxy: -mux-socket is missing\n");
}

TEST_F(ProxyProgram, LogsTheConsoleAndOutlivesIt) {
  FakeGuest guest(serial(), {});
  UniqueFd console = std::move(*ListenUnix(dir_ + "/console.sock"));
  std::vector<std::string> flags = Flags(socket());
  flags.insert(flags.end(), {"-agent-logs-socket", dir_ + "/console.sock"});
  Proxy proxy(flags);
  UniqueFd end(accept4(console.get(), nullptr, nullptr, SOCK_CLOEXEC));
  ASSERT_TRUE(WriteAll(end.get(), "kernel \x1b[1mshouts\r\nunfinished").ok());
  EXPECT_TRUE(proxy.AwaitLine("kernel \\x1b[1mshouts")) << proxy.said();
  EXPECT_THAT(proxy.said(), HasSubstr("source=agent"));
  end.reset();
  EXPECT_TRUE(proxy.AwaitLine("unfinished")) << proxy.said();
  const UniqueFd fd = Connect();
  EXPECT_EQ(RoundTrip(fd.get(), "hello"), "hello");
}

std::size_t PssKib(pid_t pid) {
  const std::string text = TextOf(ReadFile("/proc/" + std::to_string(pid) + "/smaps_rollup"));
  const std::size_t at = text.find("\nPss:");
  return at == std::string::npos ? 0 : std::strtoul(text.c_str() + at + 5, nullptr, 10);
}

TEST_F(ProxyProgram, IsSmallAndHasOneThread) {
  constexpr std::size_t kProxies = 10;
  FakeGuest guest(serial(), {});
  // The guest serves the first; the others wait in the backlog, as small as they get.
  std::vector<std::unique_ptr<Proxy>> proxies;
  proxies.push_back(Start());
  const UniqueFd fd = Connect();
  ASSERT_EQ(RoundTrip(fd.get(), std::string(1U << 20U, 'x')).size(), 1U << 20U);
  std::vector<UniqueFd> channels;
  for (std::size_t i = 1; i < kProxies; ++i) {
    const std::string at = dir_ + "/" + std::to_string(i);
    channels.push_back(std::move(*ListenUnix(at)));
    std::vector<std::string> flags = Flags(at + ".sock");
    flags[3] = at;
    proxies.push_back(std::make_unique<Proxy>(flags));
    ASSERT_TRUE(proxies.back()->AwaitLine("listens on")) << proxies.back()->said();
  }
  std::size_t total = 0;
  for (const auto& proxy : proxies) {
    EXPECT_EQ(ListDir("/proc/" + std::to_string(proxy->pid()) + "/task")->size(), 1U);
    total += PssKib(proxy->pid());
  }
  std::printf("PSS with %zu running: %zu KiB each; %zu KiB that which worked\n", kProxies,
              total / kProxies, PssKib(proxies[0]->pid()));
  EXPECT_GT(total, 0U);
  if (SHOJI_PROXY_SANITIZED) return;  // that is not its own
  EXPECT_LT(total / kProxies, 3U * 1024U);
}

TEST_F(ProxyProgram, StartsQuickly) {
  FakeGuest guest(serial(), {});
  std::int64_t best = INT64_MAX;
  for (int i = 0; i < 20; ++i) {
    const std::int64_t begin = Deadline::NowNanos();
    const auto proxy = Start();
    best = std::min(best, Deadline::NowNanos() - begin);
    proxy->Signal(SIGTERM);
    ASSERT_EQ(proxy->Wait(), 0);
  }
  std::printf("from the call to its socket: %.2f ms at best\n", static_cast<double>(best) / 1e6);
  if (SHOJI_PROXY_SANITIZED) return;
  EXPECT_LT(best, 5'000'000);
}

}  // namespace
}  // namespace shoji
