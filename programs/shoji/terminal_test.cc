#include "terminal.h"

#include <gtest/gtest.h>
#include <pty.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <csignal>

namespace shoji::cli {
namespace {

class Pty : public testing::Test {
 protected:
  void SetUp() override {
    int master = -1;
    int slave = -1;
    winsize size{};
    size.ws_row = 33;
    size.ws_col = 101;
    ASSERT_EQ(openpty(&master, &slave, nullptr, nullptr, &size), 0);
    master_.reset(master);
    slave_.reset(slave);
  }
  bool IsRaw() const {
    termios mode{};
    tcgetattr(slave_.get(), &mode);
    return (mode.c_lflag & ICANON) == 0;
  }
  UniqueFd master_;
  UniqueFd slave_;
};

TEST_F(Pty, SizeIsRead) {
  const auto size = WindowSizeOf(slave_.get());
  ASSERT_TRUE(size.has_value());
  EXPECT_EQ(size->rows, 33);
  EXPECT_EQ(size->columns, 101);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_FALSE(WindowSizeOf(ends[0]).has_value());
  EXPECT_FALSE(RawMode::Enter(ends[0]).ok());
  close(ends[0]);
  close(ends[1]);
}

TEST_F(Pty, RawModeIsUndoneAtTheEnd) {
  {
    const auto raw = RawMode::Enter(slave_.get());
    ASSERT_TRUE(raw.ok()) << raw.status().message();
    EXPECT_TRUE(IsRaw());
  }
  EXPECT_FALSE(IsRaw());
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "the guard was not reaped";
}

TEST_F(Pty, RawModeIsUndoneWhenWeAreKilled) {
  ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const auto raw = RawMode::Enter(slave_.get());
    char ok = raw.ok() ? 'y' : 'n';
    (void)!write(ready[1], &ok, 1);
    pause();
    _exit(0);
  }
  char ok = 0;
  ASSERT_EQ(read(ready[0], &ok, 1), 1);
  ASSERT_EQ(ok, 'y');
  EXPECT_TRUE(IsRaw());
  kill(child, SIGKILL);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  // The guard is ours now; its end is the event to wait for.
  ASSERT_GT(waitpid(-1, nullptr, 0), 0);
  EXPECT_FALSE(IsRaw());
  close(ready[0]);
  close(ready[1]);
}

}  // namespace
}  // namespace shoji::cli
