// linux.resources.devices as a program of the kernel (eBPF, cgroup v2).
//
// Purpose  Which device nodes the processes of a cgroup may open or make. What the last rule
//          that speaks of a device and of an access says, holds; without one it is denied. The
//          devices every container has come last, so they always work.
// Threads  MakeDeviceProgram is pure; DeviceFilter belongs to one thread.
// Example
//     SHOJI_ASSIGN_OR_RETURN(const DeviceProgram program, MakeDeviceProgram(resources));
//     DeviceFilter filter;
//     if (!program.empty()) SHOJI_RETURN_IF_ERROR(filter.Attach(group.fd(), program));
#ifndef SHOJI_GUEST_AGENT_JAIL_DEVICE_RULES_H_
#define SHOJI_GUEST_AGENT_JAIL_DEVICE_RULES_H_

#include <linux/bpf.h>

#include <vector>

#include "shoji-kata/oci.pb.h"
#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::jail {

using DeviceProgram = std::vector<bpf_insn>;

// Empty when the specification has no device rules: then nothing is restricted.
// INVALID_ARGUMENT names an unknown type or access.
Result<DeviceProgram> MakeDeviceProgram(const grpc::LinuxResources& resources);

// The program attached to a cgroup; it goes with the cgroup.
class DeviceFilter {
 public:
  // The first time adds it, later calls replace it in one step. On failure the one before
  // stays. FAILED_PRECONDITION when the kernel has no such programs.
  Status Attach(int cgroup_fd, const DeviceProgram& program);

 private:
  UniqueFd program_;
};

}  // namespace shoji::jail

#endif  // SHOJI_GUEST_AGENT_JAIL_DEVICE_RULES_H_
