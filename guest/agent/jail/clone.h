// Starting a child in other namespaces and another cgroup (clone3).
//
// Threads  Only in a single-threaded program: the child goes on without exec.
// Example
//     SHOJI_ASSIGN_OR_RETURN(Child child, Clone({CLONE_NEWNS | CLONE_NEWPID, group.fd()}, [&] {
//       return RunChild(...);  // in the child; its result is the exit code
//     }));
#ifndef SHOJI_GUEST_AGENT_JAIL_CLONE_H_
#define SHOJI_GUEST_AGENT_JAIL_CLONE_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::jail {

struct CloneOptions {
  std::uint64_t namespaces = 0;  // CLONE_NEW...
  int cgroup_fd = -1;            // -1: the caller's
  int pid_ns_fd = -1;            // joined by the child; -1: none
  // If set, a process in between runs it, and the child begins where that leaves it: in another
  // user namespace, which then owns the fresh ones.
  std::function<Status()> enter;
};

// A child that was not handed on to the caller is killed and reaped: see Kill().
struct Child {
  pid_t pid = -1;
  UniqueFd pidfd;

  void Wait();  // to its end, and reaps it
  // SIGKILL; reaps it, unless somebody else has or it is stuck in the kernel for longer than a
  // moment. Then it is for whoever reaps orphans.
  void Kill();
};

// `body` runs in the child with default signal handling; it must not return to its callers'
// world, so its result ends the child.
Result<Child> Clone(const CloneOptions& options, const std::function<int()>& body);

// Closes every descriptor from 3 on but those.
void CloseOthers(std::vector<int> keep);

}  // namespace shoji::jail

#endif  // SHOJI_GUEST_AGENT_JAIL_CLONE_H_
