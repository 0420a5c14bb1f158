#include "terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "shoji/base/errno.h"

namespace shoji::cli {
namespace {

// Runs in the guard process: only async-signal-safe calls.
[[noreturn]] void Guard(int terminal, int pipe, const termios& saved) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);  // also SIGTTOU of a background process
  const int keep[2] = {terminal < pipe ? terminal : pipe, terminal < pipe ? pipe : terminal};
  if (keep[0] > 0) close_range(0, static_cast<unsigned>(keep[0] - 1), 0);
  if (keep[1] - keep[0] > 1) {
    close_range(static_cast<unsigned>(keep[0] + 1), static_cast<unsigned>(keep[1] - 1), 0);
  }
  close_range(static_cast<unsigned>(keep[1] + 1), ~0U, 0);
  char byte = 0;
  ssize_t n = 0;
  do {
    n = read(pipe, &byte, 1);
  } while (n < 0 && errno == EINTR);
  if (n == 0) tcsetattr(terminal, TCSANOW, &saved);
  _exit(0);
}

}  // namespace

std::optional<WindowSize> WindowSizeOf(int fd) {
  winsize size{};
  if (ioctl(fd, TIOCGWINSZ, &size) < 0) return std::nullopt;
  return WindowSize{size.ws_row, size.ws_col};
}

Result<RawMode> RawMode::Watch(int fd) {
  termios saved{};
  if (tcgetattr(fd, &saved) < 0) return ErrnoStatus(errno, "cannot read the terminal's mode");
  RawMode mode(fd, saved);
  SHOJI_RETURN_IF_ERROR(mode.StartGuard());
  return mode;
}

Result<RawMode> RawMode::Enter(int fd) {
  SHOJI_ASSIGN_OR_RETURN(RawMode mode, Watch(fd));
  SHOJI_RETURN_IF_ERROR(mode.Enter());
  return mode;
}

Status RawMode::Enter() {
  termios raw = saved_;
  cfmakeraw(&raw);
  if (tcsetattr(fd_, TCSANOW, &raw) == 0) return OkStatus();
  return ErrnoStatus(errno, "cannot put the terminal into raw mode");
}

void RawMode::Leave() { tcsetattr(fd_, TCSANOW, &saved_); }

Status RawMode::StartGuard() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return ErrnoStatus(errno, "cannot create a pipe");
  UniqueFd read_end(ends[0]);
  guard_pipe_.reset(ends[1]);
  guard_ = _Fork();  // no atfork handlers: other threads are running
  if (guard_ < 0) return ErrnoStatus(errno, "cannot start the guard of the terminal");
  if (guard_ == 0) Guard(fd_, read_end.get(), saved_);
  return OkStatus();
}

RawMode::~RawMode() {
  if (!guard_pipe_) return;  // moved from
  tcsetattr(fd_, TCSANOW, &saved_);
  while (write(guard_pipe_.get(), "x", 1) < 0 && errno == EINTR) {
  }
  while (guard_ > 0 && waitpid(guard_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace shoji::cli
