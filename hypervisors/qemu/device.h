// A device of any kind: checked, put in its place, and what the guest is told of it.
//
// Purpose  The same functions serve the command line of a VM and the monitor of one that runs.
// Threads  Pure, except that files are looked at and opened.
// Example
//     SHOJI_RETURN_IF_ERROR(CheckDevice(device, kind));
//     SHOJI_ASSIGN_OR_RETURN(Prepared ready, PrepareDevice(device, inventory, kind, plan));
//     SHOJI_RETURN_IF_ERROR(RunPlan(qmp, ready.plan, limit));
#ifndef SHOJI_HYPERVISORS_QEMU_DEVICE_H_
#define SHOJI_HYPERVISORS_QEMU_DEVICE_H_

#include <string>
#include <vector>

#include "bus.h"
#include "plan.h"
#include "shoji/base/unique_fd.h"
#include "shoji/sdk/hypervisor_device.h"

namespace shoji::qemu {

// INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION, UNIMPLEMENTED: before anything is done.
Status CheckDevice(const sdk::HotplugDevice& device, MachineKind machine);

std::string FingerprintOf(const sdk::HotplugDevice& device);

struct Prepared {
  std::vector<Plugged> plugged;  // the device, and before it a controller that it needs
  Plan plan;
  std::vector<UniqueFd> owned;  // descriptors that the plan hands over and nobody else holds
};

// Takes places from `inventory` and adds the device there. `plan` is empty and says how
// descriptors are handed over.
Result<Prepared> PrepareDevice(const sdk::HotplugDevice& device, MachineKind machine, Plan plan,
                               Inventory& inventory);

// Where the guest finds it. `disks_before`: disks of a microvm that come before this one.
std::string AnswerOf(const sdk::HotplugDevice& device, const Plugged& plugged, MachineKind machine,
                     unsigned disks_before);

// True when QEMU shall be asked whether the guest's memory is shared, without which no other
// process can serve the device.
bool NeedsSharedMemory(const sdk::HotplugDevice& device);

// What may be left of device `id` of this kind when it is gone; of any kind for '\0'.
Plan LeftBehind(char kind, const std::string& id);

}  // namespace shoji::qemu

#endif  // SHOJI_HYPERVISORS_QEMU_DEVICE_H_
