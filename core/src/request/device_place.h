// Devices on their way: from what a caller asked for to the VM, and from the VM's answer to
// the guest.
//
// Threads  Safe, no state.
// Example
//     SHOJI_ASSIGN_OR_RETURN(std::string address, vm->AttachDevice(call, ToVmDevice(info)));
//     SHOJI_ASSIGN_OR_RETURN(GuestPlaceOf place, ParseAddress(address));
#ifndef SHOJI_CORE_REQUEST_DEVICE_PLACE_H_
#define SHOJI_CORE_REQUEST_DEVICE_PLACE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "metadata/record.h"
#include "plugin/interfaces.h"
#include "shoji/status.h"

namespace shoji {

VmDevice ToVmDevice(const DeviceInfo& device);
// The disk of a block storage.
DeviceInfo DiskOf(const StorageInfo& storage);
// An interface has an id in the VM that no device of a caller can have.
std::string NicDeviceId(const std::string& mac);

// Where the guest finds a device, as the hypervisor plugin answered.
struct DeviceAddress {
  std::string pci_path;   // "02/05"
  std::string scsi_addr;  // "0:1"
  std::string path;       // "/dev/pmem0"
};
// INTERNAL for what is no such answer; an empty text is an empty address.
Result<DeviceAddress> ParseAddress(std::string_view json);

// Kata's name of a disk: driver of a storage, type of a device.
struct DiskName {
  std::string driver;  // "scsi", "blk", "nvdimm", "mmioblk"
  std::string id;      // place on the bus, or the path in the guest
  bool is_path = false;
};
// FAILED_PRECONDITION when nobody knows where the guest finds it.
Result<DiskName> DiskNameOf(const DeviceRecord& device);

// The device for a container. INVALID_ARGUMENT for a kind that no container can have.
Result<AgentDevice> ToAgentDevice(const DeviceRecord& device, const ContainerDevice& wanted);
// Whether the guest sees it as a block device.
bool IsBlockInGuest(const DeviceInfo& device);

}  // namespace shoji

#endif  // SHOJI_CORE_REQUEST_DEVICE_PLACE_H_
