// Devices that are there when a VM starts.
//
// Purpose  They get the names and places that attached ones would get, so that nobody can tell
//          them apart afterwards: attach() of one answers where it is, detach() takes it away.
// Threads  Values and pure functions, except that files are looked at and descriptors copied.
// Example  SHOJI_ASSIGN_OR_RETURN(BootDevices boot, PrepareBootDevices(devices, kind, shared));
#ifndef SHOJI_HYPERVISORS_QEMU_BOOT_DEVICES_H_
#define SHOJI_HYPERVISORS_QEMU_BOOT_DEVICES_H_

#include <string>
#include <utility>
#include <vector>

#include "bus.h"
#include "shoji/base/unique_fd.h"
#include "shoji/sdk/hypervisor_device.h"

namespace shoji::qemu {

// The first of the descriptors of boot devices in QEMU.
inline constexpr int kFirstDeviceFd = 100;

struct BootDevices {
  std::vector<std::string> args;
  std::vector<std::pair<UniqueFd, int>> fds;  // descriptor, number in QEMU
};

// `shared_memory`: other processes can serve devices.
Result<BootDevices> PrepareBootDevices(const std::vector<sdk::HotplugDevice>& devices,
                                       MachineKind machine, bool shared_memory);

}  // namespace shoji::qemu

#endif  // SHOJI_HYPERVISORS_QEMU_BOOT_DEVICES_H_
