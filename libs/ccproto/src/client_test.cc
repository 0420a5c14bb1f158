#include "shoji/ccproto/client.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "shoji/base/file.h"
#include "shoji/base/socket.h"

namespace shoji::ccproto {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

class ClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto pair = SocketPair();
    ASSERT_TRUE(pair.ok());
    client_.emplace(std::move(pair->first));
    proxy_ = std::move(pair->second);
  }
  void Say(const Frame& frame) { ASSERT_TRUE(WriteAll(proxy_.get(), *Encode(frame)).ok()); }
  static Limit Soon() { return {Deadline::After(seconds(20)), -1}; }
  Result<std::string> Attach() { return client_->Call(kAttachVm, "{}", Soon()); }

  std::optional<Client> client_;
  UniqueFd proxy_;
};

TEST_F(ClientTest, CommandAndResponse) {
  Say({FrameType::kStream, kLog, false, "{}"});  // passed over
  Say({FrameType::kResponse, kAttachVm, false, "done"});
  const auto reply = Attach();
  ASSERT_TRUE(reply.ok()) << reply.status().message();
  EXPECT_EQ(*reply, "done");
  char bytes[64];
  ASSERT_EQ(read(proxy_.get(), bytes, sizeof bytes), 14);
  EXPECT_EQ(std::string(bytes, 14), *Encode({FrameType::kCommand, kAttachVm, false, "{}"}));
}

TEST_F(ClientTest, ErrorReplies) {
  Say({FrameType::kResponse, kAttachVm, true, R"({"msg":"no such VM"})"});
  const auto reply = Attach();
  EXPECT_EQ(reply.status().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(reply.status().message(), "cc-proxy refuses AttachVM: no such VM");
}

TEST_F(ClientTest, AnAnswerToSomethingElse) {
  Say({FrameType::kResponse, kHyper, false, ""});
  EXPECT_THAT(Attach().status().message(), HasSubstr("answers opcode 3, asked was 2"));
}

TEST_F(ClientTest, NoiseAndEnds) {
  ASSERT_TRUE(WriteAll(proxy_.get(), "GET / HTTP/1.1\r\n").ok());
  EXPECT_EQ(Attach().status().code(), StatusCode::kInvalidArgument);
}

TEST_F(ClientTest, ClosedInTheMiddleOfAFrame) {
  const std::string whole = *Encode({FrameType::kResponse, kAttachVm, false, "done"});
  ASSERT_TRUE(WriteAll(proxy_.get(), whole.substr(0, 13)).ok());
  ASSERT_EQ(shutdown(proxy_.get(), SHUT_WR), 0);
  EXPECT_EQ(Attach().status().code(), StatusCode::kUnavailable);
  proxy_.reset();
  EXPECT_EQ(client_->Send({FrameType::kStream, kStdin, false, "x"}, Soon()).code(),
            StatusCode::kUnavailable);
}

TEST_F(ClientTest, LimitsHold) {
  const Limit none{Deadline::After(milliseconds(20)), -1};
  EXPECT_EQ(client_->Receive(none).status().code(), StatusCode::kDeadlineExceeded);
  const Frame big{FrameType::kStream, kStdin, false, std::string(kMaxPayload, 'x')};
  EXPECT_EQ(client_->Send(big, {Deadline::After(milliseconds(20)), -1}).code(),
            StatusCode::kDeadlineExceeded);
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd cancel(ends[0]);
  ASSERT_EQ(close(ends[1]), 0);  // its end is readable
  EXPECT_EQ(client_->Receive({Deadline::Never(), cancel.get()}).status().code(),
            StatusCode::kCancelled);
}

TEST_F(ClientTest, MoreThanASocketHolds) {
  const Frame big{FrameType::kStream, kStdin, false, std::string(kMaxPayload, 'x')};
  std::string got;
  std::thread reader([&] {
    auto all = ReadAll(proxy_.get());
    if (all.ok()) got = std::move(*all);
  });
  EXPECT_TRUE(client_->Send(big, Soon()).ok());
  client_.reset();
  reader.join();
  EXPECT_EQ(got, *Encode(big));
}

}  // namespace
}  // namespace shoji::ccproto
