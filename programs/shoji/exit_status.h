// Exit statuses of `shoji`, as podman's.
//
//   125  Shoji itself failed        126  the command cannot be run
//   127  there is no such command   else the status of the container's process
//
// Example  return Fail(runtime.status());
#ifndef SHOJI_PROGRAMS_SHOJI_EXIT_STATUS_H_
#define SHOJI_PROGRAMS_SHOJI_EXIT_STATUS_H_

#include "shoji/status.h"

namespace shoji::cli {

inline constexpr int kExitShojiFailed = 125;
inline constexpr int kExitCannotRun = 126;
inline constexpr int kExitNotFound = 127;

// The exit status that stands for a failure.
int ExitStatusOf(const Status& status);

// Prints "shoji: message" on stderr, one line, and gives the exit status.
int Fail(const Status& status);

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_EXIT_STATUS_H_
