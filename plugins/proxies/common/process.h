// A process that need not be our child, and is never mistaken for another one.
//
// Threads  Safe; a Pidfd's owner is one thread.
// Example  const UniqueFd pidfd = FindProcess(state.pid, state.start_ticks);
//          if (!pidfd) ...  // it is gone
#ifndef SHOJI_PROXIES_COMMON_PROCESS_H_
#define SHOJI_PROXIES_COMMON_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "shoji/base/deadline.h"
#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::proxies {

// When it was started (field 22 of /proc/<pid>/stat). NOT_FOUND when there is none.
Result<std::uint64_t> StartTicks(pid_t pid);

// A pidfd; none when that process is gone, whoever has its number now.
UniqueFd FindProcess(pid_t pid, std::uint64_t start_ticks);

// Whether it has ended; a zombie has.
bool HasEnded(int pidfd);

// "exit status 1", "killed by signal 9 (Killed)"; empty when it runs or is not our child.
std::string HowItEnded(int pidfd);

// SIGTERM, and SIGKILL when `patience` is over; returns when it has ended and, if it is our
// child, is reaped.
Status EndProcess(int pidfd, Deadline patience);

}  // namespace shoji::proxies

#endif  // SHOJI_PROXIES_COMMON_PROCESS_H_
