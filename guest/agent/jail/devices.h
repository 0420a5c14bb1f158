// Device nodes of a container: those every container has, and the specification's.
//
// Threads  MakeDevices is pure; CreateDevices works inside the root it is given.
// Example  SHOJI_ASSIGN_OR_RETURN(auto devices, MakeDevices(spec));
//          child: CreateDevices(root_fd, devices)
#ifndef SHOJI_GUEST_AGENT_JAIL_DEVICES_H_
#define SHOJI_GUEST_AGENT_JAIL_DEVICES_H_

#include <vector>

#include "shoji-kata/oci.pb.h"
#include "shoji/status.h"

namespace shoji::jail {

struct DevicePlan;

// null, zero, full, random, urandom and tty, then the specification's; one of the same path
// replaces ours.
Result<std::vector<DevicePlan>> MakeDevices(const grpc::Spec& spec);

// Nodes, then the links fd, stdin, stdout, stderr, core and ptmx. A node that is there and
// right stays. Where nodes cannot be made (user namespace) the guest's is bound.
Status CreateDevices(int root_fd, const std::vector<DevicePlan>& devices);

}  // namespace shoji::jail

#endif  // SHOJI_GUEST_AGENT_JAIL_DEVICES_H_
