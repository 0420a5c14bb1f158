// Paths the container must not read, or not write.
//
// Threads  In the child, before pivot_root.
// Example  MaskPath(root_fd, "/proc/kcore"); ReadonlyPath(root_fd, "/proc/sys");
#ifndef SHOJI_GUEST_AGENT_JAIL_MASKS_H_
#define SHOJI_GUEST_AGENT_JAIL_MASKS_H_

#include <string>

#include "shoji/status.h"

namespace shoji::jail {

// Covers it with /dev/null, a directory with an empty read-only tmpfs. Missing: success.
Status MaskPath(int root_fd, const std::string& path);

// Bound on itself, read-only. Missing: success.
Status ReadonlyPath(int root_fd, const std::string& path);

}  // namespace shoji::jail

#endif  // SHOJI_GUEST_AGENT_JAIL_MASKS_H_
