#include "terminal_mode.h"

#include <sys/ioctl.h>

#include <cerrno>

#include "shoji/base/errno.h"

namespace shoji::shim {

std::optional<WindowSize> WindowSizeOf(int fd) {
  winsize size{};
  if (ioctl(fd, TIOCGWINSZ, &size) < 0) return std::nullopt;
  return WindowSize{size.ws_row, size.ws_col};
}

Result<TerminalMode> TerminalMode::Raw(int fd) {
  termios saved{};
  if (tcgetattr(fd, &saved) < 0) return ErrnoStatus(errno, "cannot read the terminal's mode");
  termios raw = saved;
  cfmakeraw(&raw);
  if (tcsetattr(fd, TCSANOW, &raw) < 0) {
    return ErrnoStatus(errno, "cannot put the terminal into raw mode");
  }
  return TerminalMode(fd, saved);
}

TerminalMode::~TerminalMode() {
  if (fd_ >= 0) tcsetattr(fd_, TCSANOW, &saved_);
}

}  // namespace shoji::shim
