// The optional interfaces of a VM, and what several of them need.
#include <algorithm>

#include "console.h"
#include "hypervisor.h"
#include "names.h"
#include "recipe.h"
#include "shoji/base/strings.h"
#include "shoji/sdk/hypervisor_hotplug.h"
#include "vm.h"

namespace shoji::qemu {

const void* QemuVm::Extension(std::string_view id) {
  if (const void* table = sdk::VmStateExtension<QemuVm, QemuHypervisor>(id)) return table;
  if (id == SHOJI_HYPERVISOR_HOTPLUG_V1 && !KnowsDevices()) return nullptr;
  if (id == SHOJI_HYPERVISOR_RESIZE_V1 && !CanHotplug(Machine())) return nullptr;
  return sdk::VmHotplugExtension<QemuVm>(id);
}

Result<std::vector<std::int32_t>> QemuVm::RunningPids() {
  if (WaitFd() < 0) return FailedPrecondition("the VM was not started");
  SHOJI_ASSIGN_OR_RETURN(std::vector<std::int32_t> pids, Pids());
  if (pids.empty()) return Unavailable("the VM is gone");
  return pids;
}

Result<Monitor> QemuVm::BorrowMonitor(const QmpLimit& limit) {
  SHOJI_RETURN_IF_ERROR(RunningPids().status());
  if (qmp_ != nullptr) return Monitor(qmp_.get());
  return OtherMonitor(limit);
}

Result<Monitor> QemuVm::OtherMonitor(const QmpLimit& limit) {
  return Monitor::Connect(PathOf(kOtherMonitorSocket), limit);
}

Result<int> QemuVm::OpenConsole(const sdk::HypervisorCall& call) {
  const QmpLimit limit = LimitOf(call);
  SHOJI_RETURN_IF_ERROR(RunningPids().status());
  Result<UniqueFd> reader = OpenTee(PathOf(kConsoleTeeSocket), limit);
  const StatusCode code = reader.status().code();
  if (code == StatusCode::kUnavailable || code == StatusCode::kNotFound) {
    // Nobody owns the VM any more, and QEMU's own socket is free.
    SHOJI_ASSIGN_OR_RETURN(const Monitor monitor, OtherMonitor(limit));
    reader = OpenChardev(*monitor, "console0", PathOf(kConsoleSocket), limit);
  }
  if (!reader.ok()) return reader.status();
  return reader->release();
}

Result<std::string> QemuVm::ShareMount(std::string_view tag) {
  const MutexLock lock(mutex_);
  return ShareMountOf(saved_.recipe, tag);
}

}  // namespace shoji::qemu
