// The mounts of a specification, each put inside the container's root.
//
// Threads  In the child, in its own mount namespace, before pivot_root.
// Example  for (const MountPlan& m : plan.mounts) MountOne(root_fd, m);
#ifndef SHOJI_GUEST_AGENT_JAIL_MOUNTS_H_
#define SHOJI_GUEST_AGENT_JAIL_MOUNTS_H_

#include <string>
#include <vector>

#include "jail/plan.h"
#include "shoji/status.h"

namespace shoji::jail {

// In order. Read-only tmpfs mounts stay writable until SealMounts, because devices and
// mount points may still have to be made in them.
Status MountAll(int root_fd, const std::vector<MountPlan>& mounts);
Status SealMounts(int root_fd, const std::vector<MountPlan>& mounts);

// Adds flags to what is mounted on an opened mount point.
Status AddMountFlags(int fd, unsigned long flags);

}  // namespace shoji::jail

#endif  // SHOJI_GUEST_AGENT_JAIL_MOUNTS_H_
