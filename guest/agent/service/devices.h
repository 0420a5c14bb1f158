// The devices of CreateContainer: which ones are needed, and their numbers in the specification.
//
// Purpose  The host writes the numbers its own kernel gave; the guest's are others. They are put
//          in, in linux.devices and in the device rules of the cgroup.
// Threads  Pure, but for looking at nodes and for binding drivers (vfio).
// Example
//     SHOJI_ASSIGN_OR_RETURN(auto names, NamesOfDevices(request));   // wait for them
//     SHOJI_RETURN_IF_ERROR(PutDevices(finder, paths, &request));
#ifndef SHOJI_GUEST_AGENT_SERVICE_DEVICES_H_
#define SHOJI_GUEST_AGENT_SERVICE_DEVICES_H_

#include <string>
#include <vector>

#include "device/finder.h"
#include "shoji-kata/agent.pb.h"
#include "shoji/status.h"

namespace shoji::agent {

// Types that CreateContainer takes, as GetGuestDetails tells them.
std::vector<std::string> DeviceTypes();

// What has to be there before the devices can be used, in the order of the request; a vfio
// device is a whole group of them. INVALID_ARGUMENT for an unknown type or a missing field.
Result<std::vector<DeviceName>> NamesOfDevices(
    const google::protobuf::RepeatedPtrField<grpc::Device>& devices);

// `paths` are those of the names above. INVALID_ARGUMENT when the specification does not have
// the device.
Status PutDevices(const DeviceFinder& finder, const std::vector<std::string>& paths,
                  grpc::CreateContainerRequest* request);

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_SERVICE_DEVICES_H_
