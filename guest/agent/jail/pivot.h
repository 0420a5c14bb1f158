// The container's root: made a mount of its own, and at the end "/" of the process.
//
// Threads  In the child, in its own mount namespace.
// Example  SHOJI_ASSIGN_OR_RETURN(UniqueFd root, OpenRoot(plan)); ...; PivotTo(root.get());
#ifndef SHOJI_GUEST_AGENT_JAIL_PIVOT_H_
#define SHOJI_GUEST_AGENT_JAIL_PIVOT_H_

#include "jail/plan.h"
#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::jail {

// Cuts the mounts off the guest's (nothing done here may spread) and binds the root file
// system on itself.
Result<UniqueFd> OpenRoot(const Plan& plan);

// Makes it "/", nothing of the old one stays reachable, and gives it the propagation the
// specification wants (0: as it is).
Status PivotTo(int root_fd, unsigned long propagation);

}  // namespace shoji::jail

#endif  // SHOJI_GUEST_AGENT_JAIL_PIVOT_H_
