// A terminal that passes every byte on, until the object goes.
//
// Threads  One.
// Example  SHOJI_ASSIGN_OR_RETURN(const TerminalMode raw, TerminalMode::Raw(STDIN_FILENO));
#ifndef SHOJI_PROGRAMS_SHIM_TERMINAL_MODE_H_
#define SHOJI_PROGRAMS_SHIM_TERMINAL_MODE_H_

#include <termios.h>

#include <optional>
#include <utility>

#include "shoji/status.h"

namespace shoji::shim {

struct WindowSize {
  unsigned rows = 0;
  unsigned columns = 0;
};

// Nothing when `fd` is no terminal.
std::optional<WindowSize> WindowSizeOf(int fd);

class TerminalMode {
 public:
  static Result<TerminalMode> Raw(int fd);
  TerminalMode(TerminalMode&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), saved_(other.saved_) {}
  TerminalMode& operator=(TerminalMode&&) = delete;
  ~TerminalMode();

 private:
  TerminalMode(int fd, const termios& saved) : fd_(fd), saved_(saved) {}
  int fd_;
  termios saved_;
};

}  // namespace shoji::shim

#endif  // SHOJI_PROGRAMS_SHIM_TERMINAL_MODE_H_
