// Devices that come and go while the VM runs, over its monitor.
//
// Threads  One call on a VM at a time.
// Example
//     Hotplug hotplug(*monitor, MachineKind::kQ35, limit);
//     SHOJI_ASSIGN_OR_RETURN(std::string answer, hotplug.Attach(device));
#ifndef SHOJI_HYPERVISORS_QEMU_HOTPLUG_H_
#define SHOJI_HYPERVISORS_QEMU_HOTPLUG_H_

#include <string>
#include <string_view>

#include "bus.h"
#include "shoji/qmp/client.h"
#include "shoji/sdk/hypervisor_device.h"

namespace shoji::qemu {

class Hotplug {
 public:
  Hotplug(QmpClient& qmp, MachineKind machine, const QmpLimit& limit)
      : qmp_(qmp), machine_(machine), limit_(limit) {}

  // As the slots of shoji.hypervisor.hotplug/1.
  Result<std::string> Attach(const sdk::HotplugDevice& device);
  Status Detach(std::string_view id);
  Status LimitBlock(std::string_view id, const sdk::BlockLimits* limits);

 private:
  Result<Inventory> List();
  Result<std::string> Answer(const sdk::HotplugDevice& device, const Plugged& plugged,
                             const Inventory& inventory) const;
  Status Plug(const sdk::HotplugDevice& device, Inventory& inventory);
  Status CheckSharedMemory(const sdk::HotplugDevice& device);
  Status CleanUp(char kind, const std::string& id, bool* found = nullptr);

  QmpClient& qmp_;
  const MachineKind machine_;
  const QmpLimit limit_;
};

// Asks the guest to let go of the device with this name in QEMU, and waits until it has. Success
// when there is none. DEADLINE_EXCEEDED: it is there still, and this may be called again.
// FAILED_PRECONDITION: the guest refuses.
Status Unplug(QmpClient& qmp, const std::string& name, const QmpLimit& limit);

// The names below /machine/peripheral, as qom-list says them.
Result<std::string> ListPeripherals(QmpClient& qmp, const QmpLimit& limit);

}  // namespace shoji::qemu

#endif  // SHOJI_HYPERVISORS_QEMU_HOTPLUG_H_
