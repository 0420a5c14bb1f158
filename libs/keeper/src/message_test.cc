#include "shoji/keeper/message.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>

namespace shoji::keeper {
namespace {

class MessageTest : public ::testing::Test {
 protected:
  MessageTest() {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    a_.reset(ends[0]);
    b_.reset(ends[1]);
  }
  static Deadline Soon() { return Deadline::After(std::chrono::seconds(10)); }
  UniqueFd a_, b_;
};

TEST_F(MessageTest, FieldsAndDescriptorsArrive) {
  ASSERT_TRUE(Send(a_.get(), {"nic", "", "x y\n"}, {0, a_.get()}).ok());
  const auto got = Receive(b_.get());
  ASSERT_TRUE(got.ok()) << got.status().message();
  EXPECT_EQ(got->fields, (std::vector<std::string>{"nic", "", "x y\n"}));
  ASSERT_EQ(got->fds.size(), 2U);
  struct stat sent {
  }, received{};
  fstat(a_.get(), &sent);
  fstat(got->fds[1].get(), &received);
  EXPECT_EQ(sent.st_ino, received.st_ino);
}

TEST_F(MessageTest, RepliesCarrySuccessAndFailure) {
  ASSERT_TRUE(SendReply(a_.get(), Message{{"/dev/loop3"}, {}}).ok());
  const auto good = ReceiveReply(b_.get(), Soon(), -1);
  ASSERT_TRUE(good.ok());
  EXPECT_EQ(good->fields, std::vector<std::string>{"/dev/loop3"});
  ASSERT_TRUE(SendReply(a_.get(), NotFound("no file").WithErrno(2)).ok());
  const auto bad = ReceiveReply(b_.get(), Soon(), -1);
  EXPECT_EQ(bad.status().code(), StatusCode::kNotFound);
  EXPECT_EQ(bad.status().sys_errno(), 2);
  EXPECT_EQ(bad.status().message(), "no file");
}

TEST_F(MessageTest, WhatCannotBeSentIsRefused) {
  EXPECT_EQ(Send(a_.get(), {}).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Send(a_.get(), {std::string("a\0b", 3)}).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Send(a_.get(), {std::string(kMaxBytes, 'x')}).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Send(a_.get(), std::vector<std::string>(kMaxFields + 1)).code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(Send(a_.get(), {"x"}, std::vector<int>(kMaxFds + 1, 0)).code(),
            StatusCode::kInvalidArgument);
}

TEST_F(MessageTest, NonsenseIsNoMessage) {
  ASSERT_EQ(send(a_.get(), "abc", 3, 0), 3);
  EXPECT_EQ(Receive(b_.get()).status().code(), StatusCode::kInvalidArgument);
  const std::string many(2 * kMaxFields, '\0');
  ASSERT_EQ(send(a_.get(), many.data(), many.size(), 0), static_cast<ssize_t>(many.size()));
  EXPECT_EQ(Receive(b_.get()).status().code(), StatusCode::kInvalidArgument);
  for (const auto& fields : std::vector<std::vector<std::string>>{{"error"},
                                                                  {"error", "x", "0", "t"},
                                                                  {"error", "99", "0", "t"},
                                                                  {"what", "1", "0", "t"}}) {
    ASSERT_TRUE(Send(a_.get(), fields).ok());
    EXPECT_EQ(ReceiveReply(b_.get(), Soon(), -1).status().code(), StatusCode::kInternal);
  }
}

TEST_F(MessageTest, EndsAndTimeLimitsAreTold) {
  EXPECT_EQ(ReceiveReply(b_.get(), Deadline::FromNanos(1), -1).status().code(),
            StatusCode::kDeadlineExceeded);
  ASSERT_TRUE(Send(b_.get(), {"x"}).ok());  // a_ is readable
  EXPECT_EQ(ReceiveReply(b_.get(), Soon(), a_.get()).status().code(), StatusCode::kCancelled);
  a_.reset();
  EXPECT_EQ(ReceiveReply(b_.get(), Soon(), -1).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(Send(b_.get(), {"x"}).code(), StatusCode::kUnavailable);
}

TEST(KeeperSocketTest, ListensUnderLongPaths) {
  char dir[] = "/tmp/keeper-test-XXXXXX";
  ASSERT_NE(mkdtemp(dir), nullptr);
  const std::string deep = std::string(dir) + "/" + std::string(120, 'd');
  std::filesystem::create_directories(deep);
  EXPECT_EQ(Connect(deep + "/s").status().code(), StatusCode::kNotFound);
  {
    const auto listening = Listen(deep + "/s");
    ASSERT_TRUE(listening.ok()) << listening.status().message();
    EXPECT_TRUE(Connect(deep + "/s").ok());
    struct stat info {};
    ASSERT_EQ(stat((deep + "/s").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U);
  }
  EXPECT_EQ(Connect(deep + "/s").status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(Listen("relative").status().code(), StatusCode::kInvalidArgument);
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace shoji::keeper
