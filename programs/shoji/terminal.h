// The caller's terminal: its size, and raw mode that is always undone.
//
// Threads  Use from one thread.
// Example  SHOJI_ASSIGN_OR_RETURN(RawMode raw, RawMode::Enter(STDIN_FILENO));
#ifndef SHOJI_PROGRAMS_SHOJI_TERMINAL_H_
#define SHOJI_PROGRAMS_SHOJI_TERMINAL_H_

#include <sys/types.h>
#include <termios.h>

#include <cstdint>
#include <optional>

#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::cli {

struct WindowSize {
  std::uint16_t rows = 0;
  std::uint16_t columns = 0;
};
// Nothing when `fd` is no terminal.
std::optional<WindowSize> WindowSizeOf(int fd);

// Raw mode for the life of the object. A guard process waits for our end and restores the
// terminal when we were killed before we could.
class RawMode {
 public:
  static Result<RawMode> Enter(int fd);
  // Remembers the mode and has it watched over already: for who changes it later, or lets another
  // process do so.
  static Result<RawMode> Watch(int fd);
  Status Enter();
  void Leave();  // may be entered again
  RawMode(RawMode&& other) noexcept = default;
  RawMode& operator=(RawMode&&) = delete;
  ~RawMode();

 private:
  RawMode(int fd, const termios& saved) : fd_(fd), saved_(saved) {}
  Status StartGuard();

  int fd_;
  termios saved_;
  pid_t guard_ = -1;
  UniqueFd guard_pipe_;  // closed by our death, however it comes
};

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_TERMINAL_H_
