// The optional interfaces of a VM that change its devices and its size.
#include "hotplug.h"
#include "monitor.h"
#include "recipe.h"
#include "resize.h"
#include "vm.h"

namespace shoji::qemu {

MachineKind QemuVm::Machine() const {
  const MutexLock lock(mutex_);
  return KindOf(MachineOf(saved_.recipe));
}

std::uint64_t QemuVm::MaxMemory() const {
  const MutexLock lock(mutex_);
  return MaxMemoryOf(saved_.recipe);
}

// A microvm keeps the devices it was made with: it can say where they are, and limit disks.
bool QemuVm::KnowsDevices() const {
  const MutexLock lock(mutex_);
  return CanHotplug(KindOf(MachineOf(saved_.recipe))) || HasDevices(saved_.recipe);
}

Result<std::string> QemuVm::Attach(const sdk::HypervisorCall& call,
                                   const sdk::HotplugDevice& device) {
  const QmpLimit limit = LimitOf(call);
  SHOJI_ASSIGN_OR_RETURN(const Monitor monitor, BorrowMonitor(limit));
  return Hotplug(*monitor, Machine(), limit).Attach(device);
}

Status QemuVm::Detach(const sdk::HypervisorCall& call, std::string_view id) {
  const QmpLimit limit = LimitOf(call);
  SHOJI_ASSIGN_OR_RETURN(const Monitor monitor, BorrowMonitor(limit));
  return Hotplug(*monitor, Machine(), limit).Detach(id);
}

Status QemuVm::LimitBlock(const sdk::HypervisorCall& call, std::string_view id,
                          const sdk::BlockLimits* limits) {
  const QmpLimit limit = LimitOf(call);
  SHOJI_ASSIGN_OR_RETURN(const Monitor monitor, BorrowMonitor(limit));
  return Hotplug(*monitor, Machine(), limit).LimitBlock(id, limits);
}

Result<sdk::VmSize> QemuVm::Size(const sdk::HypervisorCall& call) {
  const QmpLimit limit = LimitOf(call);
  SHOJI_ASSIGN_OR_RETURN(const Monitor monitor, BorrowMonitor(limit));
  return Resize(*monitor, MaxMemory(), limit).Get();
}

Result<sdk::VmSize> QemuVm::SetVcpus(const sdk::HypervisorCall& call, std::uint32_t vcpus) {
  const QmpLimit limit = LimitOf(call);
  SHOJI_ASSIGN_OR_RETURN(const Monitor monitor, BorrowMonitor(limit));
  return Resize(*monitor, MaxMemory(), limit).SetVcpus(vcpus);
}

Result<sdk::VmSize> QemuVm::SetMemory(const sdk::HypervisorCall& call, std::uint64_t bytes,
                                      std::uint64_t block_bytes) {
  const QmpLimit limit = LimitOf(call);
  SHOJI_ASSIGN_OR_RETURN(const Monitor monitor, BorrowMonitor(limit));
  return Resize(*monitor, MaxMemory(), limit).SetMemory(bytes, block_bytes);
}

}  // namespace shoji::qemu
