#include "log.h"

#include <unistd.h>

#include <string>
#include <utility>

#include "shoji/base/file.h"

namespace shoji::agent {
namespace {

// The one state of the program that is nobody's: who logs need not know who listens.
struct LogState {
  LogLevel least = LogLevel::kInfo;
  std::function<void(std::string_view)> tap;
};

LogState& State() {
  static LogState state;
  return state;
}

}  // namespace

void SetLogLevel(LogLevel least) { State().least = least; }

void SetLogTap(std::function<void(std::string_view line)> tap) { State().tap = std::move(tap); }

void Log(LogLevel level, std::string_view message) {
  if (level > State().least) return;
  const std::string line = "<" + std::to_string(static_cast<int>(level)) +
                           ">shoji-agent: " + std::string(message) + "\n";
  // Nobody is left to tell when this fails.
  [[maybe_unused]] const Status ignored = WriteAll(STDERR_FILENO, line);
  if (State().tap) State().tap(line);
}

}  // namespace shoji::agent
