// The world of an agent without a VM: what a guest's kernel and initrd are otherwise.
//
// Purpose  A root of its own in memory, as a VM's initrd is one: nothing of the host's files is
//          seen in it but /dev and the shares, nothing that is mounted or written there shows
//          on the host, and all of it ends with its mount namespace.
// Threads  For a process with one thread that is PID 1 of fresh mount, pid, ipc, uts and
//          network namespaces.
// Example  SHOJI_RETURN_IF_ERROR(EnterWorld(options));
#ifndef SHOJI_GUEST_AGENT_HOST_WORLD_H_
#define SHOJI_GUEST_AGENT_HOST_WORLD_H_

#include <string>

#include "host/options.h"
#include "shoji/status.h"

namespace shoji::agent {

// Where the shares are, by tag.
constexpr char kShareRoot[] = "/shares";

// Puts the caller into the cgroup, makes that the root of a cgroup namespace, mounts, and
// brings up the network's loopback.
Status EnterWorld(const HostOptions& options);

// Removes a cgroup and those below it; success when it is not there. FAILED_PRECONDITION when
// there are processes in it.
Status RemoveCgroup(const std::string& dir);

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_HOST_WORLD_H_
