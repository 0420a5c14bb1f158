#include "boot_devices.h"

#include <fcntl.h>

#include <cerrno>

#include "device.h"
#include "plan.h"
#include "shoji/base/errno.h"

namespace shoji::qemu {
namespace {

// The caller's are borrowed for the length of a call; QEMU starts later.
Status CopyFds(const Plan& plan, BootDevices& boot) {
  for (const auto& [fd, number] : plan.inherited()) {
    UniqueFd copy(fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (!copy) return ErrnoStatus(errno, "cannot copy descriptor " + std::to_string(fd));
    boot.fds.emplace_back(std::move(copy), number);
  }
  return OkStatus();
}

Status CheckOne(const sdk::HotplugDevice& device, MachineKind machine, bool shared_memory,
                const Inventory& inventory) {
  if (machine == MachineKind::kOther) {
    return Unimplemented("device \"" + device.id +
                         "\" needs a machine that is known; set hypervisor.qemu.machine to q35");
  }
  if (inventory.Find(device.id) != nullptr) {
    return InvalidArgument("device id \"" + device.id + "\" is used twice");
  }
  SHOJI_RETURN_IF_ERROR(CheckDevice(device, machine));
  if (!NeedsSharedMemory(device) || shared_memory) return OkStatus();
  return FailedPrecondition("vhost-user device \"" + device.id +
                            "\" needs a VM whose memory is a shared file; make the VM with one");
}

}  // namespace

Result<BootDevices> PrepareBootDevices(const std::vector<sdk::HotplugDevice>& devices,
                                       MachineKind machine, bool shared_memory) {
  BootDevices boot;
  Inventory inventory;
  int next_fd = kFirstDeviceFd;
  for (const sdk::HotplugDevice& device : devices) {
    SHOJI_RETURN_IF_ERROR(CheckOne(device, machine, shared_memory, inventory));
    SHOJI_ASSIGN_OR_RETURN(const Prepared ready,
                           PrepareDevice(device, machine, Plan(next_fd), inventory));
    SHOJI_ASSIGN_OR_RETURN(const std::vector<std::string> args, PlanArgs(ready.plan));
    boot.args.insert(boot.args.end(), args.begin(), args.end());
    SHOJI_RETURN_IF_ERROR(CopyFds(ready.plan, boot));
    next_fd += static_cast<int>(ready.plan.inherited().size());
  }
  return boot;
}

}  // namespace shoji::qemu
