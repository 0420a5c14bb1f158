// A channel that somebody had before: what was half sent to it is skipped.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <filesystem>
#include <string>

#include "shoji/mux/mux.h"
#include "shoji/mux/testing/fake_guest.h"

namespace shoji::mux {
namespace {

class TakeoverTest : public ::testing::Test {
 protected:
  TakeoverTest() {
    char name[] = "/tmp/shoji-mux-test.XXXXXX";
    dir_ = mkdtemp(name);
  }
  ~TakeoverTest() override { std::filesystem::remove_all(dir_); }

  // What comes back of `text` through a channel whose guest first says `stale`.
  std::string Echo(const std::string& stale, const std::string& text, bool takeover = true,
                   int clients = 1) {
    FakeGuest guest(dir_ + "/kata.sock", {.garbage = stale});
    MuxConfig config;
    config.serial = dir_ + "/kata.sock";
    config.listen = dir_ + "/proxy.sock";
    config.takeover = takeover;
    config.warn = [this](std::string_view why) { warning_ = why; };
    auto mux = Mux::Start(std::move(config));
    if (!mux.ok()) return mux.status().message();
    auto fd = (*mux)->Connect();
    if (!fd.ok()) return fd.status().message();
    EXPECT_EQ(send(fd->get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
    std::string back(text.size(), '\0');
    EXPECT_EQ(recv(fd->get(), back.data(), back.size(), MSG_WAITALL),
              static_cast<ssize_t>(back.size()));
    fd->reset();
    mux->reset();
    EXPECT_EQ(guest.clients, clients) << "of which each but the last was broken off";
    return back;
  }

  std::string dir_;
  std::string warning_;
};

TEST_F(TakeoverTest, NothingWasLeft) {
  EXPECT_EQ(Echo("", "hello"), "hello");
  EXPECT_EQ(warning_, "");
}

TEST_F(TakeoverTest, TheRestOfAFrameIsSkipped) {
  EXPECT_EQ(Echo(std::string(100000, '7'), "hello"), "hello");
  EXPECT_EQ(warning_, "");
}

TEST_F(TakeoverTest, FramesOfOthersAreSkipped) {
  // A data frame of stream 3, and the answer to a ping that we did not send.
  const std::string stale = std::string("\0\0\0\0\0\0\0\3\0\0\0\2xx", 14) +
                            std::string("\0\2\0\2\0\0\0\0\1\2\3\4", 12) + std::string("\0\2\0", 3);
  EXPECT_EQ(Echo(stale, "hello"), "hello");
  EXPECT_EQ(warning_, "");
}

// A VM that was paused after its first host had left does not know that the next one is another.
TEST_F(TakeoverTest, AGuestThatGoesOnWithTheSessionBeforeBreaksNoCall) {
  const std::string frames = std::string("\0\0\0\0\0\0\0\3\0\0\0\2xx", 14) +
                             std::string("\0\1\0\4\0\0\0\5\0\0\0\0", 12) +
                             std::string("\0\1\0\0\0\0\0\7\0\0\1\0", 12);
  EXPECT_EQ(Echo(frames, "hello", false), "hello");
  EXPECT_EQ(warning_, "");
}

// Nobody could open a stream any more, and each connection would be turned away.
TEST_F(TakeoverTest, AGuestThatHasEndedTheSessionGetsANewOne) {
  const std::string go_away("\0\3\0\0\0\0\0\0\0\0\0\1", 12);
  FakeGuest guest(dir_ + "/kata.sock", {.garbage = go_away});
  MuxConfig config;
  config.serial = dir_ + "/kata.sock";
  config.listen = dir_ + "/proxy.sock";
  auto mux = Mux::Start(std::move(config));
  ASSERT_TRUE(mux.ok());
  const std::string text = "hello";
  std::string back;
  for (int i = 0; i < 10 && back != text; ++i) {  // the first may be broken off
    const auto fd = (*mux)->Connect();
    ASSERT_TRUE(fd.ok());
    if (send(fd->get(), text.data(), text.size(), MSG_NOSIGNAL) < 0) continue;
    back.resize(text.size());
    if (recv(fd->get(), back.data(), back.size(), MSG_WAITALL) <= 0) back.clear();
  }
  EXPECT_EQ(back, text);
  mux->reset();
  EXPECT_EQ(guest.clients, 2);
}

}  // namespace
}  // namespace shoji::mux
