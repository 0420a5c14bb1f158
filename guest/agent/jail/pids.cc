#include "jail/pids.h"

#include <sys/stat.h>

#include <cerrno>
#include <string>

#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji::jail {

Result<MountNamespaceId> MountNamespaceOf(pid_t pid) {
  struct stat st {};
  if (stat(("/proc/" + std::to_string(pid) + "/ns/mnt").c_str(), &st) < 0)
    return ErrnoStatus(errno, "cannot tell the namespace of process " + std::to_string(pid));
  return MountNamespaceId{st.st_dev, st.st_ino};
}

Result<std::vector<pid_t>> PidsOf(const MountNamespaceId& id) {
  std::vector<pid_t> pids;
  if (id.inode == 0) return pids;
  SHOJI_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDir("/proc"));
  for (const std::string& name : names) {
    const Result<std::int64_t> pid = ParseInt(name);
    if (!pid.ok()) continue;
    // One that has ended meanwhile, or a zombie, has no namespace any more.
    const auto other = MountNamespaceOf(static_cast<pid_t>(*pid));
    if (other.ok() && other->inode == id.inode && other->device == id.device)
      pids.push_back(static_cast<pid_t>(*pid));
  }
  return pids;
}

}  // namespace shoji::jail
