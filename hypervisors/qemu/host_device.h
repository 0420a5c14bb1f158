// Devices that the host or another process of it provides: vsock, vfio, vhost-user.
//
// Threads  Pure, except that files are looked at and opened.
// Example  SHOJI_RETURN_IF_ERROR(CheckVfio(id, device, "/"));
#ifndef SHOJI_HYPERVISORS_QEMU_HOST_DEVICE_H_
#define SHOJI_HYPERVISORS_QEMU_HOST_DEVICE_H_

#include <string>

#include "plan.h"
#include "shoji/base/unique_fd.h"
#include "shoji/sdk/hypervisor_device.h"

namespace shoji::qemu {

// FAILED_PRECONDITION names what this machine lacks.
Status CheckVsock(const std::string& id, const sdk::VsockDevice& vsock);
Result<UniqueFd> OpenVhostVsock(const std::string& path = "/dev/vhost-vsock");

// `root`: "/", or a directory that holds "sys" and "dev".
Status CheckVfio(const std::string& id, const sdk::VfioDevice& vfio, const std::string& root);

Status CheckVhostUser(const std::string& id, const sdk::VhostUserDevice& device);
std::string ChardevName(const std::string& id);
void AddVhostUserBackend(const std::string& id, const sdk::VhostUserDevice& device, Plan& plan);

// Of what query-memdev says: all of the guest's memory can be mapped by another process.
bool IsMemoryShared(const std::string& query_memdev);

}  // namespace shoji::qemu

#endif  // SHOJI_HYPERVISORS_QEMU_HOST_DEVICE_H_
