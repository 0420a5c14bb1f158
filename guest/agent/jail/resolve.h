// Paths inside a container's root file system, which its image may have laid traps in.
//
// Purpose  A symbolic link in the image, absolute or with "..", never leads out of the
//          root: the kernel resolves with the root as "/" (openat2).
// Threads  Safe; works on descriptors only.
// Example  SHOJI_ASSIGN_OR_RETURN(UniqueFd at, EnsureDir(root_fd, "/dev/pts", 0755));
//          mount("devpts", FdPath(at.get()).c_str(), "devpts", 0, nullptr);
#ifndef SHOJI_GUEST_AGENT_JAIL_RESOLVE_H_
#define SHOJI_GUEST_AGENT_JAIL_RESOLVE_H_

#include <sys/types.h>

#include <string>

#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::jail {

// Opens `path` inside the root; sys_errno() of the failure is the kernel's.
Result<UniqueFd> OpenInRoot(int root_fd, const std::string& path, int flags);

// O_PATH descriptor of the directory, made with all its parents when missing; `made` hears whether
// it was.
Result<UniqueFd> EnsureDir(int root_fd, const std::string& path, mode_t mode, bool* made = nullptr);

// O_PATH descriptor of the file, made empty (with its directories) when missing. Whatever
// lies there already, it is left as it is.
Result<UniqueFd> EnsureFile(int root_fd, const std::string& path);

// The directory `path` lies in (made when missing) and its last component.
struct ParentDir {
  UniqueFd fd;
  std::string name;
};
Result<ParentDir> EnsureParent(int root_fd, const std::string& path);

// "/proc/self/fd/N": how a descriptor is given to calls that want a path.
std::string FdPath(int fd);

}  // namespace shoji::jail

#endif  // SHOJI_GUEST_AGENT_JAIL_RESOLVE_H_
