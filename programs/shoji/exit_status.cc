#include "exit_status.h"

#include <algorithm>
#include <cstdio>
#include <string>

namespace shoji::cli {

int ExitStatusOf(const Status& status) {
  const std::string reason = status.detail("reason");
  if (reason == "command-not-found") return kExitNotFound;
  if (reason == "command-not-executable") return kExitCannotRun;
  return kExitShojiFailed;
}

int Fail(const Status& status) {
  std::string line = status.message();
  std::replace(line.begin(), line.end(), '\n', ' ');
  fprintf(stderr, "shoji: %s\n", line.c_str());
  return ExitStatusOf(status);
}

}  // namespace shoji::cli
