// What an OCI specification asks of the sandbox that its container lives in.
//
// Purpose  An engine describes containers, not machines: a disk in linux.devices, the size of
//          /dev/shm and the host name are matters of the VM. These functions turn them into
//          what a caller of the API would have asked for.
// Threads  Safe; looks at the host's files.
// Example
//     SHOJI_RETURN_IF_ERROR(TakeFromSpecs(&config));           // a sandbox with its containers
//     SHOJI_ASSIGN_OR_RETURN(auto disks, TakeDisks(&config));  // one more container
#ifndef SHOJI_CORE_REQUEST_SPEC_ATTACH_H_
#define SHOJI_CORE_REQUEST_SPEC_ATTACH_H_

#include <string>
#include <vector>

#include "shoji/config.h"
#include "shoji/status.h"

namespace shoji {

// Adds the disks of all containers, and from the first one size and name that are not given.
Status TakeFromSpecs(SandboxConfig* config);

// Adds the container's disks to its devices; gives those that its sandbox must have for it.
Result<std::vector<DeviceInfo>> TakeDisks(ContainerConfig* config);

// Whether a device came with a specification, and goes with the last container that has it.
bool IsFromSpec(const std::string& device_id);

}  // namespace shoji

#endif  // SHOJI_CORE_REQUEST_SPEC_ATTACH_H_
