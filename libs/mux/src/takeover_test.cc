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
  std::string Echo(const std::string& stale, const std::string& text) {
    FakeGuest guest(dir_ + "/kata.sock", {.garbage = stale});
    MuxConfig config;
    config.serial = dir_ + "/kata.sock";
    config.listen = dir_ + "/proxy.sock";
    config.takeover = true;
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
    EXPECT_EQ(guest.clients, 1) << "no call was broken off";
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

}  // namespace
}  // namespace shoji::mux
