#include "shoji/agent_dial/dial.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/vm_sockets.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <thread>

#include "shoji/base/socket.h"

namespace shoji {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::StartsWith;
using Kind = AgentAddress::Kind;

TEST(AgentUrl, ThreeForms) {
  for (const char* url : {"unix:///run/x.sock", "/run/x.sock"}) {
    const AgentAddress address = ParseAgentUrl(url).value();
    EXPECT_EQ(address.kind, Kind::kUnix);
    EXPECT_EQ(address.path, "/run/x.sock");
    EXPECT_EQ(address.Url(), "unix:///run/x.sock");
  }
  const AgentAddress vsock = ParseAgentUrl("vsock://4294967294:1024").value();
  EXPECT_EQ(vsock.kind, Kind::kVsock);
  EXPECT_EQ(vsock.cid, 4294967294U);
  EXPECT_EQ(vsock.port, 1024U);
  EXPECT_EQ(vsock.Url(), "vsock://4294967294:1024");
  const AgentAddress hybrid = ParseAgentUrl("hvsock:///run/a:b/fc.sock:1024").value();
  EXPECT_EQ(hybrid.kind, Kind::kHybridVsock);
  EXPECT_EQ(hybrid.path, "/run/a:b/fc.sock");
  EXPECT_EQ(hybrid.port, 1024U);
  EXPECT_EQ(hybrid.Url(), "hvsock:///run/a:b/fc.sock:1024");
}

TEST(AgentUrl, EverythingElseIsRefused) {
  for (const char* url : {"",
                          "x",
                          "unix://",
                          "unix://x",
                          "unix:///",
                          "unix:/x",
                          "tcp://1.2.3.4:5",
                          "vsock://",
                          "vsock://3",
                          "vsock://3:",
                          "vsock://:1024",
                          "vsock://-1:1024",
                          "vsock://0:1024",
                          "vsock://4294967295:1024",
                          "vsock://3:0",
                          "vsock://3:4294967295",
                          "vsock://3:4294967296",
                          "vsock://3: 1",
                          "vsock://3:1 ",
                          "vsock://3:+1",
                          "vsock://0x3:1",
                          "hvsock://",
                          "hvsock:///x",
                          "hvsock://x:1",
                          "hvsock:///x:",
                          "hvsock:///x:y",
                          "hvsock:///:1",
                          "VSOCK://3:1"}) {
    const auto address = ParseAgentUrl(url);
    EXPECT_EQ(address.status().code(), StatusCode::kInvalidArgument) << url;
    EXPECT_THAT(address.status().message(), StartsWith("agent URL \"" + std::string(url) + "\": "));
  }
  EXPECT_FALSE(ParseAgentUrl(std::string_view("/a\0b", 4)).ok());
}

// A VMM's socket: answers each connection with the next line of a script.
class HybridTest : public ::testing::Test {
 protected:
  using Answer = std::function<void(int fd)>;

  HybridTest() {
    char dir[] = "/tmp/dial-test-XXXXXX";
    dir_ = mkdtemp(dir);
    address_ = ParseAgentUrl("hvsock://" + path() + ":1024").value();
    listen_ = ListenUnix(path()).value();
  }
  ~HybridTest() override {
    Stop();
    std::filesystem::remove_all(dir_);
  }
  std::string path() const { return dir_ + "/vm.sock"; }

  void Serve(std::vector<Answer> answers) {
    server_ = std::thread([this, answers = std::move(answers)] {
      for (const Answer& answer : answers) {
        const UniqueFd fd(accept(listen_.get(), nullptr, nullptr));
        if (!fd) return;
        EXPECT_EQ(Line(fd.get()), "CONNECT 1024\n");
        ++served_;
        answer(fd.get());
      }
    });
  }
  void Stop() {
    if (listen_) shutdown(listen_.get(), SHUT_RDWR);
    if (server_.joinable()) server_.join();
    listen_.reset();
  }
  static std::string Line(int fd) {
    std::string line;
    char c = 0;
    while (!line.ends_with('\n') && read(fd, &c, 1) == 1) line += c;
    return line;
  }
  static Answer Say(const std::string& text) {
    return [text](int fd) { (void)!write(fd, text.data(), text.size()); };
  }
  // Says it and stays until the other side goes.
  static Answer SayAndStay(const std::string& text) {
    return [text](int fd) {
      (void)!write(fd, text.data(), text.size());
      char c = 0;
      (void)!read(fd, &c, 1);
    };
  }
  static DialLimits Within(milliseconds span) { return {Deadline::After(span), -1}; }

  std::string dir_;
  AgentAddress address_;
  UniqueFd listen_;
  std::thread server_;
  std::atomic<int> served_ = 0;
};

TEST_F(HybridTest, WhatFollowsTheAnswerBelongsToTheProtocol) {
  Serve({Say("OK 1073741824\nSETTINGS")});
  const auto fd = DialAgent(address_, Within(seconds(10)));
  ASSERT_TRUE(fd.ok()) << fd.status().message();
  char text[16] = {};
  EXPECT_EQ(recv(fd->get(), text, sizeof text, MSG_WAITALL), 8);
  EXPECT_STREQ(text, "SETTINGS");
}

TEST_F(HybridTest, TheAnswerMayComeInPieces) {
  Serve({[](int fd) {
    for (const char c : std::string("OK\n")) (void)!write(fd, &c, 1);
  }});
  EXPECT_TRUE(DialAgent(address_, Within(seconds(10))).ok());
}

TEST_F(HybridTest, RefusalIsTriedAgainUntilTheGuestListens) {
  Serve({Say(""), Say("O"), Say(""), Say("OK 1\n")});
  const auto fd = DialAgent(address_, Within(seconds(10)));
  EXPECT_TRUE(fd.ok()) << fd.status().message();
  EXPECT_EQ(served_, 4);
}

TEST_F(HybridTest, RefusalAndHalfAnAnswerOnce) {
  Serve({Say(""), Say("OK 1")});
  const Status refused = DialAgentOnce(address_, Within(seconds(10))).status();
  EXPECT_EQ(refused.code(), StatusCode::kUnavailable);
  EXPECT_EQ(refused.message(), "guest agent " + address_.Url() + ": nothing listens in the guest");
  EXPECT_EQ(refused.detail("retry"), "1");
  const Status half = DialAgentOnce(address_, Within(seconds(10))).status();
  EXPECT_EQ(half.code(), StatusCode::kUnavailable);
  EXPECT_THAT(half.message(), HasSubstr("in the middle of its answer"));
}

TEST_F(HybridTest, GarbageIsNotTriedAgain) {
  Serve({Say("ERROR\x01\n"), Say("OKAY\n"), Say(std::string(1000, 'O'))});
  const Status error = DialAgent(address_, Within(seconds(10))).status();
  EXPECT_EQ(error.code(), StatusCode::kInternal);
  EXPECT_THAT(error.message(), HasSubstr("the VMM answered \"ERROR?\" instead of OK"));
  EXPECT_EQ(DialAgent(address_, Within(seconds(10))).status().code(), StatusCode::kInternal);
  const Status endless = DialAgent(address_, Within(seconds(10))).status();
  EXPECT_EQ(endless.code(), StatusCode::kInternal);
  EXPECT_THAT(endless.message(), HasSubstr("has no end"));
}

TEST_F(HybridTest, SlowAnswerEndsAtTheDeadline) {
  Serve({SayAndStay("O")});
  const DialLimits limits = Within(milliseconds(100));
  EXPECT_EQ(DialAgent(address_, limits).status().code(), StatusCode::kDeadlineExceeded);
  EXPECT_LT(Deadline::NowNanos() - limits.deadline.nanos(), 1'000'000'000);
}

TEST_F(HybridTest, SlowAnswerCanBeCancelled) {
  const UniqueFd cancel(eventfd(0, EFD_CLOEXEC));
  Serve({[wake = cancel.get()](int fd) {
    eventfd_write(wake, 1);
    char c = 0;
    (void)!read(fd, &c, 1);
  }});
  EXPECT_EQ(DialAgent(address_, {Deadline(), cancel.get()}).status().code(),
            StatusCode::kCancelled);
}

TEST_F(HybridTest, AGuestThatNeverListensEndsAtTheDeadline) {
  Serve(std::vector<Answer>(1000, Say("")));
  const Status status = DialAgent(address_, Within(milliseconds(100))).status();
  EXPECT_EQ(status.code(), StatusCode::kDeadlineExceeded);
  EXPECT_THAT(status.message(), HasSubstr("nothing listens in the guest"));
  EXPECT_GT(served_, 1);
}

TEST_F(HybridTest, AVmmThatIsGoneIsToldAtOnce) {
  Stop();
  for (int i = 0; i < 2; ++i) {
    const std::int64_t begin = Deadline::NowNanos();
    const Status status = DialAgent(address_, {}).status();  // without a deadline
    EXPECT_EQ(status.code(), StatusCode::kUnavailable) << status.message();
    EXPECT_LT(Deadline::NowNanos() - begin, 1'000'000'000);
    std::filesystem::remove(path());
  }
}

TEST_F(HybridTest, PlainUnixSocket) {
  const AgentAddress address = ParseAgentUrl("unix://" + path()).value();
  EXPECT_TRUE(DialAgent(address, {}).ok());
  Stop();
  EXPECT_EQ(DialAgent(address, {}).status().code(), StatusCode::kUnavailable);
}

// Machines without vsock say so; with it there is at least nobody at this cid.
TEST(Vsock, NobodyThere) {
  const bool there = static_cast<bool>(UniqueFd(socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0)));
  const AgentAddress address = ParseAgentUrl("vsock://4294967000:1024").value();
  const DialLimits limits{Deadline::After(seconds(3)), -1};
  const Status status = DialAgentOnce(address, limits).status();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(status.message(), StartsWith("guest agent vsock://4294967000:1024: "));
  if (!there) {
    EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
    EXPECT_THAT(status.message(), HasSubstr("load the kernel module vhost_vsock"));
  }
}

}  // namespace
}  // namespace shoji
