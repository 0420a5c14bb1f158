#include "log.h"

#include <unistd.h>

#include <string>

#include "shoji/base/file.h"

namespace shoji::agent {

void Log(LogLevel level, std::string_view message) {
  const std::string line = "<" + std::to_string(static_cast<int>(level)) +
                           ">shoji-agent: " + std::string(message) + "\n";
  // Nobody is left to tell when this fails.
  [[maybe_unused]] const Status ignored = WriteAll(STDERR_FILENO, line);
}

}  // namespace shoji::agent
