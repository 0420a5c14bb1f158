#include "proxy.h"

#include <gmock/gmock.h>
#include <linux/vm_sockets.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "shoji/base/file.h"
#include "shoji/base/socket.h"
#include "shoji/sdk/testing/fake_call.h"

namespace shoji::noproxy {
namespace {

using sdk::testing::FakeCall;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

using Made = Result<std::unique_ptr<sdk::ProxyBase>>;

Made Start(const std::string& url) {
  shoji_proxy_params params{};
  params.struct_size = sizeof params;
  params.sandbox_id = sdk::ToStr("s1");
  params.run_dir = sdk::ToStr("/run/x");
  params.agent_url = sdk::ToStr(url);
  return NoProxy::Start(sdk::Host(nullptr), nullptr, nullptr, params);
}

// A VMM's socket, which answers each connection with the next of `answers` and hangs up,
// unless it said OK: then it echoes one word.
class NoProxyTest : public ::testing::Test {
 protected:
  NoProxyTest() {
    char name[] = "/tmp/noproxy.XXXXXX";
    dir_ = mkdtemp(name);
    url_ = "hvsock://" + dir_ + "/clh.sock:1024";
  }
  ~NoProxyTest() override {
    if (thread_.joinable()) thread_.join();
    std::filesystem::remove_all(dir_);
  }

  static std::string Read(int fd) {
    char buffer[64];
    const ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    return n < 0 ? "failed" : std::string(buffer, static_cast<std::size_t>(n));
  }
  void Vmm(std::vector<std::string> answers) {
    listen_ = std::move(*ListenUnix(dir_ + "/clh.sock"));
    thread_ = std::thread([this, answers = std::move(answers)] {
      for (const std::string& answer : answers) {
        const UniqueFd client(accept4(listen_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        EXPECT_EQ(Read(client.get()), "CONNECT 1024\n");
        EXPECT_TRUE(WriteAll(client.get(), answer).ok());
        if (!answer.starts_with("OK")) continue;
        EXPECT_TRUE(WriteAll(client.get(), Read(client.get())).ok());
      }
    });
  }

  std::string dir_;
  std::string url_;
  UniqueFd listen_;
  std::thread thread_;
};

TEST_F(NoProxyTest, NothingRunsAndTheUrlIsTheAgents) {
  const Made proxy = Start(url_);
  ASSERT_TRUE(proxy.ok());
  EXPECT_EQ((*proxy)->Info()->pid, 0);
  EXPECT_EQ((*proxy)->Info()->url, url_);
  EXPECT_FALSE((*proxy)->ConsoleWatched());
  EXPECT_TRUE((*proxy)->Stop(nullptr).ok());
  EXPECT_TRUE((*proxy)->Stop(nullptr).ok());
}

TEST_F(NoProxyTest, WaitsForTheGuestAndEatsNoByteOfTheAgents) {
  Vmm({"", "", "OK 1073741824\nfirst"});
  const Made proxy = Start(url_);
  const Result<int> fd = (*proxy)->Connect(nullptr);
  ASSERT_TRUE(fd.ok()) << fd.status().message();
  const UniqueFd owned(*fd);
  std::string all = Read(*fd);
  EXPECT_EQ(all, "first");
  ASSERT_TRUE(WriteAll(*fd, "word").ok());
  EXPECT_EQ(Read(*fd), "word");
}

TEST_F(NoProxyTest, AnotherProcessConnectsByItself) {
  Vmm({"OK 1\n", "OK 2\n"});
  const Made first = Start(url_);
  const Made second = NoProxy::Attach(sdk::Host(nullptr), nullptr, nullptr, *(*first)->SaveState());
  ASSERT_TRUE(second.ok()) << second.status().message();
  for (const Made* proxy : {&first, &second}) {
    const UniqueFd fd(*(**proxy)->Connect(nullptr));
    ASSERT_TRUE(WriteAll(fd.get(), "word").ok());
    EXPECT_EQ(Read(fd.get()), "word");
  }
}

TEST_F(NoProxyTest, WithoutAVm) {
  const Status status = (*Start(url_))->Connect(nullptr).status();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("no VM answers at hvsock://"));
}

TEST_F(NoProxyTest, AStrangeAnswer) {
  Vmm({"HTTP/1.1 400 Bad Request\n"});
  EXPECT_THAT((*Start(url_))->Connect(nullptr).status().message(), HasSubstr("HTTP/1.1 400"));
}

TEST_F(NoProxyTest, AnEndlessAnswer) {
  Vmm({std::string(1000, 'x')});
  EXPECT_EQ((*Start(url_))->Connect(nullptr).status().code(), StatusCode::kUnavailable);
}

TEST_F(NoProxyTest, NeverPastTheDeadlineNorAfterCancel) {
  listen_ = std::move(*ListenUnix(dir_ + "/clh.sock"));  // accepts, and never answers
  const FakeCall call(30ms);
  EXPECT_EQ((*Start(url_))->Connect(call.raw()).status().code(), StatusCode::kDeadlineExceeded);
  const FakeCall cancelled;
  cancelled.Cancel();
  EXPECT_EQ((*Start(url_))->Connect(cancelled.raw()).status().code(), StatusCode::kCancelled);
}

TEST_F(NoProxyTest, UrlsAndStatesThatAreNone) {
  for (const std::string& url : {std::string("unix:///x"), std::string("gopher://guest"),
                                 std::string("hvsock:///a\0b:1", 15), std::string()}) {
    EXPECT_EQ(Start(url).status().code(), StatusCode::kInvalidArgument) << url;
  }
  for (const char* state : {"", "noise", "noproxy 1\nend\n", "noproxy 1\nagent=x\nend\n"}) {
    const Made proxy = NoProxy::Attach(sdk::Host(nullptr), nullptr, nullptr, state);
    EXPECT_EQ(proxy.status().code(), StatusCode::kDataLoss) << state;
  }
}

// Either this machine has a loopback for vsock, or the error says what it lacks.
TEST_F(NoProxyTest, VsockOnThisMachine) {
  const UniqueFd listen(socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_vm address{};
  address.svm_family = AF_VSOCK;
  address.svm_cid = VMADDR_CID_ANY;
  address.svm_port = VMADDR_PORT_ANY;
  socklen_t size = sizeof address;
  const bool listens = listen &&
                       bind(listen.get(), reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                       ::listen(listen.get(), 1) == 0 &&
                       getsockname(listen.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0;
  const std::uint32_t port = listens ? address.svm_port : 1024;
  const FakeCall call(2000ms);
  const Result<int> fd = (*Start("vsock://1:" + std::to_string(port)))->Connect(call.raw());
  if (fd.ok()) {
    EXPECT_TRUE(listens);
    close(*fd);
    return;
  }
  EXPECT_THAT(fd.status().code(), AnyOf(StatusCode::kFailedPrecondition, StatusCode::kUnavailable,
                                        StatusCode::kDeadlineExceeded));
  EXPECT_THAT(fd.status().message(), HasSubstr("vsock"));
}

}  // namespace
}  // namespace shoji::noproxy
