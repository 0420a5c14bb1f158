// The processes of a container on a machine without cgroups, told by their mount namespace.
//
// Threads  Safe.
// Example  SHOJI_ASSIGN_OR_RETURN(MountNamespaceId id, MountNamespaceOf(pid)); PidsOf(id)
#ifndef SHOJI_GUEST_AGENT_JAIL_PIDS_H_
#define SHOJI_GUEST_AGENT_JAIL_PIDS_H_

#include <sys/types.h>

#include <vector>

#include "shoji/status.h"

namespace shoji::jail {

struct MountNamespaceId {
  dev_t device = 0;
  ino_t inode = 0;  // 0: none
};

Result<MountNamespaceId> MountNamespaceOf(pid_t pid);

// Those alive in it.
Result<std::vector<pid_t>> PidsOf(const MountNamespaceId& id);

}  // namespace shoji::jail

#endif  // SHOJI_GUEST_AGENT_JAIL_PIDS_H_
