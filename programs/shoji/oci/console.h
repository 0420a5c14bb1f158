// The pseudo-terminal of a container, handed to the engine over its console socket.
//
// Purpose  The shim takes the pty by its path; the engine (conmon, containerd) gets the master.
// Threads  Use from one thread.
// Example
//     SHOJI_ASSIGN_OR_RETURN(const Console console, Console::Open(24, 80));
//     cmd.console = console.path();
//     ... start the shim ...
//     SHOJI_RETURN_IF_ERROR(console.SendTo("/run/c1/console.sock"));
#ifndef SHOJI_PROGRAMS_SHOJI_OCI_CONSOLE_H_
#define SHOJI_PROGRAMS_SHOJI_OCI_CONSOLE_H_

#include <cstdint>
#include <string>
#include <utility>

#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::cli {

class Console {
 public:
  // 0 rows or columns: the size is not known.
  static Result<Console> Open(std::uint16_t rows, std::uint16_t columns);

  const std::string& path() const { return path_; }
  // Sends the master; the name of the pty goes with it. Also to a socket with a long path.
  Status SendTo(const std::string& socket_path) const;

 private:
  Console(UniqueFd master, UniqueFd slave, std::string path)
      : master_(std::move(master)), slave_(std::move(slave)), path_(std::move(path)) {}

  UniqueFd master_;
  UniqueFd slave_;  // so that the master does not hang up before the shim has the pty
  std::string path_;
};

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_OCI_CONSOLE_H_
