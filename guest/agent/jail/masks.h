// Paths the container must not read, or not write.
//
// Threads  In the child, before pivot_root.
// Example  Masks masks(root_fd); masks.Cover("/proc/kcore"); ReadonlyPath(root_fd, "/proc/sys");
#ifndef SHOJI_GUEST_AGENT_JAIL_MASKS_H_
#define SHOJI_GUEST_AGENT_JAIL_MASKS_H_

#include <string>

#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::jail {

class Masks {
 public:
  explicit Masks(int root_fd) : root_fd_(root_fd) {}
  // With /dev/null, a directory with an empty read-only tmpfs, which is the same for all of them:
  // to make one is the most expensive of it. Missing: success.
  Status Cover(const std::string& path);

 private:
  bool CoverDir(const std::string& path, const std::string& target);

  int root_fd_;
  UniqueFd empty_;  // the tmpfs, once there is one
};

// Bound on itself, read-only. Missing: success.
Status ReadonlyPath(int root_fd, const std::string& path);

}  // namespace shoji::jail

#endif  // SHOJI_GUEST_AGENT_JAIL_MASKS_H_
