#include "control.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <csignal>
#include <filesystem>
#include <vector>

#include "shoji/base/file.h"
#include "shoji/base/socket.h"

namespace shoji::shim {
namespace {

struct Sent {
  std::string exec_id;
  int number;
  GrpcClient::Done done;
};

class ControlTest : public ::testing::Test {
 protected:
  ControlTest() {
    char name[] = "/tmp/control.XXXXXX";
    dir_ = mkdtemp(name);
    auto control = Control::Listen(dir_, "web");
    EXPECT_TRUE(control.ok()) << control.status().message();
    if (control.ok()) control_ = std::move(*control);
  }
  ~ControlTest() override {
    control_.reset();
    EXPECT_FALSE(PathExists(dir_ + "/shims/web"));
    std::filesystem::remove_all(dir_);
  }
  UniqueFd Call(const std::string& text) {
    auto fd = ConnectUnix(dir_ + "/shims/web");
    EXPECT_TRUE(fd.ok()) << fd.status().message();
    EXPECT_TRUE(WriteAll(fd->get(), text).ok());
    return std::move(*fd);
  }
  // Everything that has come in.
  void Turn() {
    pollfd item{control_->fd(), POLLIN, 0};
    while (poll(&item, 1, 0) > 0) {
      control_->OnReady([this](const std::string& exec_id, int number, GrpcClient::Done done) {
        sent_.push_back({exec_id, number, std::move(done)});
      });
    }
  }
  static std::string Heard(const UniqueFd& fd) {
    char text[256];
    const ssize_t n = recv(fd.get(), text, sizeof text, MSG_DONTWAIT);
    return n < 0 ? "nothing" : std::string(text, static_cast<std::size_t>(n));
  }

  std::string dir_;
  std::unique_ptr<Control> control_;
  std::vector<Sent> sent_;
};

TEST_F(ControlTest, SignalsAreAnsweredByTheGuest) {
  const UniqueFd one = Call("signal 9 web\n");
  const UniqueFd all = Call("signal 15 \n");
  Turn();
  ASSERT_EQ(sent_.size(), 2U);
  EXPECT_EQ(sent_[0].exec_id, "web");
  EXPECT_EQ(sent_[0].number, SIGKILL);
  EXPECT_EQ(sent_[1].exec_id, "");
  EXPECT_EQ(Heard(one), "nothing") << "the guest has not answered";
  sent_[1].done({0, "", ""});
  sent_[0].done({5, "no such\nprocess", ""});
  EXPECT_EQ(Heard(one), "5 no such process\n");
  EXPECT_EQ(Heard(all), "0 \n");
}

TEST_F(ControlTest, ACallerMayGoBeforeTheAnswer) {
  UniqueFd caller = Call("signal 9 web\n");
  Turn();
  caller.reset();
  Turn();
  ASSERT_EQ(sent_.size(), 1U);
  sent_[0].done({0, "", ""});
}

TEST_F(ControlTest, WhoGoesWithoutAWordIsKilled) {
  Guard well = Guard::Connect(dir_, "web", "exec-1");
  {
    const Guard killed = Guard::Connect(dir_, "web", "exec-2");
    Turn();
    EXPECT_TRUE(sent_.empty());
  }
  Turn();
  ASSERT_EQ(sent_.size(), 1U);
  EXPECT_EQ(sent_[0].exec_id, "exec-2");
  EXPECT_EQ(sent_[0].number, SIGKILL);
  well.Ended();
  well = Guard::Connect(dir_, "nobody", "exec-1");
  well.Ended();
  Turn();
  EXPECT_EQ(sent_.size(), 1U);
  {
    const Guard quick = Guard::Connect(dir_, "web", "exec-3");
    quick.Ended();
  }
  Turn();
  EXPECT_EQ(sent_.size(), 1U) << "all of it came at once";
}

TEST_F(ControlTest, LinesMayComeInPieces) {
  const UniqueFd caller = Call("sig");
  Turn();
  ASSERT_TRUE(WriteAll(caller.get(), "nal 1 web").ok());
  Turn();
  EXPECT_TRUE(sent_.empty());
  ASSERT_TRUE(WriteAll(caller.get(), "\n").ok());
  Turn();
  EXPECT_EQ(sent_.size(), 1U);
}

TEST_F(ControlTest, NonsenseIsLetGo) {
  for (const std::string& bad : {std::string("hello\n"), std::string("\n"), std::string("exec \n"),
                                 std::string(5000, 'x')}) {
    const UniqueFd caller = Call(bad);
    Turn();
    pollfd item{caller.get(), POLLIN, 0};
    EXPECT_EQ(poll(&item, 1, 0), 1);
    EXPECT_NE(item.revents & POLLHUP, 0) << bad;
  }
  for (const char* bad : {"signal 9\n", "signal x web\n", "signal 0 web\n", "signal 65 web\n"}) {
    const UniqueFd caller = Call(bad);
    Turn();
    EXPECT_EQ(Heard(caller).substr(0, 2), "3 ") << bad;
  }
  EXPECT_TRUE(sent_.empty());
}

TEST(ControlListen, NamesWhatCannotBeMade) {
  const auto control = Control::Listen("/nonexistent", "web");
  EXPECT_NE(control.status().message().find("/nonexistent/shims"), std::string::npos);
}

}  // namespace
}  // namespace shoji::shim
