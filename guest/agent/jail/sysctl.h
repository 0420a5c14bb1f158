// Kernel parameters of a specification (linux.sysctl).
//
// Purpose  Written by the child, so that those that belong to a namespace reach its own: a
//          net.* one goes to the network the container uses, which is the pod's.
// Threads  MakeSysctl is pure.
// Example  "net.ipv4.ip_forward" -> {"net/ipv4/ip_forward", "1"}
#ifndef SHOJI_GUEST_AGENT_JAIL_SYSCTL_H_
#define SHOJI_GUEST_AGENT_JAIL_SYSCTL_H_

#include <string>
#include <utility>
#include <vector>

#include "shoji-kata/oci.pb.h"
#include "shoji/status.h"

namespace shoji::jail {

using SysctlList = std::vector<std::pair<std::string, std::string>>;

// INVALID_ARGUMENT for a name that could leave /proc/sys.
Result<SysctlList> MakeSysctl(const grpc::Spec& spec);

Status ApplySysctl(const SysctlList& list);

}  // namespace shoji::jail

#endif  // SHOJI_GUEST_AGENT_JAIL_SYSCTL_H_
