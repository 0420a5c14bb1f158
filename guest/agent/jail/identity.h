// Who a process is and what it may do: user, groups, capabilities, limits, filter.
//
// Purpose  In two halves, because the first needs all rights and the second gives them up
//          right before exec.
// Threads  In the child.
// Example  BecomeUser(process); ...wait for the start...; DropRights(process); execve(...)
#ifndef SHOJI_GUEST_AGENT_JAIL_IDENTITY_H_
#define SHOJI_GUEST_AGENT_JAIL_IDENTITY_H_

#include "jail/plan.h"
#include "shoji/status.h"

namespace shoji::jail {

// Limits, bounding set, groups, user, umask and working directory. Keeps the permitted
// capabilities for the second half.
Status BecomeUser(const ProcessPlan& process);

// no_new_privs, the capability sets and the seccomp filter, in the order in which each is
// still allowed.
Status DropRights(const ProcessPlan& process);

}  // namespace shoji::jail

#endif  // SHOJI_GUEST_AGENT_JAIL_IDENTITY_H_
