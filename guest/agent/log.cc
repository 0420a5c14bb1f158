#include "log.h"

#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "shoji/base/file.h"
#include "shoji/base/unique_fd.h"

namespace shoji::agent {

void Log(LogLevel level, std::string_view message) {
  const std::string line = "shoji-agent: " + std::string(message) + "\n";
  if (getpid() == 1) {
    const UniqueFd kmsg(open("/dev/kmsg", O_WRONLY | O_CLOEXEC));
    const std::string marked = "<" + std::to_string(static_cast<int>(level)) + ">" + line;
    if (kmsg && WriteAll(kmsg.get(), marked).ok()) return;
  }
  // Nobody is left to tell when this fails too.
  [[maybe_unused]] const Status ignored = WriteAll(STDERR_FILENO, line);
}

}  // namespace shoji::agent
