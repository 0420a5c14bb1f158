// Network interfaces: what QEMU is told about them.
//
// Threads  Pure.
// Example  SHOJI_RETURN_IF_ERROR(CheckNic(id, nic)); AddNicBackend(id, nic, plan);
#ifndef SHOJI_HYPERVISORS_QEMU_NIC_H_
#define SHOJI_HYPERVISORS_QEMU_NIC_H_

#include <string>

#include "plan.h"
#include "shoji/sdk/hypervisor_device.h"

namespace shoji::qemu {

// INVALID_ARGUMENT names the field.
Status CheckNic(const std::string& id, const sdk::NicDevice& nic);
Status CheckMac(const std::string& id, const std::string& mac);

std::string NicContent(const sdk::NicDevice& nic);
std::string NetdevName(const std::string& id);

// The taps, one queue each, with vhost where every queue has it.
void AddNicBackend(const std::string& id, const sdk::NicDevice& nic, Plan& plan);

}  // namespace shoji::qemu

#endif  // SHOJI_HYPERVISORS_QEMU_NIC_H_
