// What is known of a shim by its number, and its end; it need not be a child of ours.
//
// Threads  Safe.
// Example  SHOJI_RETURN_IF_ERROR(EndShim(pid, deadline));
#ifndef SHOJI_SHIMS_COMMON_PROCESS_H_
#define SHOJI_SHIMS_COMMON_PROCESS_H_

#include <sys/types.h>

#include <optional>
#include <string>

#include "shoji/base/deadline.h"
#include "shoji/status.h"

namespace shoji::shims {

// What a shim of ours has in its environment: a number alone may be another's since.
std::string MarkOf(const std::string& sandbox_id, const std::string& exec_id);

// The directory of its sandbox; nothing when `pid` is no shim of ours.
std::optional<std::string> SandboxDirOf(pid_t pid);

// Gives it a moment to end by itself, for it may have output of its process left to write; then
// SIGKILL, for any other signal it passes on to the process. Returns when it has ended. Success
// when it is gone, also when another process has its number.
Status EndShim(pid_t pid, Deadline limit);

}  // namespace shoji::shims

#endif  // SHOJI_SHIMS_COMMON_PROCESS_H_
