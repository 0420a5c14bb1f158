// Optional interfaces of a VM: UNIMPLEMENTED names the plugin where it has none.
#include "plugin/device_arg.h"
#include "plugin/interfaces.h"
#include "plugin/slots.h"
#include "shoji/plugin/hypervisor_hotplug.h"
#include "shoji/plugin/hypervisor_state.h"

namespace shoji {
namespace {

VmSize FromRaw(const shoji_vm_size& raw) {
  return {raw.vcpus, raw.max_vcpus, raw.memory_bytes, raw.max_memory_bytes, raw.probe_address};
}

shoji_vm_size EmptySize() {
  shoji_vm_size size{};
  size.struct_size = sizeof(size);
  return size;
}

}  // namespace

const void* Vm::Extension(const char* id) const {
  if (handle_ == nullptr || !SHOJI_HAS_SLOT(shoji_hypervisor_v1, table_, get_extension)) {
    return nullptr;
  }
  return table_->get_extension(handle_, id);
}

bool Vm::can_hotplug() const { return Extension(SHOJI_HYPERVISOR_HOTPLUG_V1) != nullptr; }
bool Vm::can_resize() const { return Extension(SHOJI_HYPERVISOR_RESIZE_V1) != nullptr; }
bool Vm::can_pause() const { return Extension(SHOJI_HYPERVISOR_PAUSE_V1) != nullptr; }
bool Vm::can_save() const { return Extension(SHOJI_HYPERVISOR_SNAPSHOT_V1) != nullptr; }

// Finds table `Table` under `id` and calls its slot with the VM, the call and what follows.
#define SHOJI_VM_CALL(Table, id, slot, ...)                             \
  if (handle_ == nullptr) return NoHandle(name_, #slot);                \
  const auto* table = static_cast<const Table*>(Extension(id));         \
  if (!SHOJI_HAS_SLOT(Table, table, slot)) return NoSlot(name_, #slot); \
  const CallArg arg(call);                                              \
  PluginError error;                                                    \
  const Status status = error.ToStatus(                                 \
      name_, #slot, table->slot(handle_, arg.get() __VA_OPT__(, ) __VA_ARGS__, error.get()))
#define SHOJI_VM_HOTPLUG(slot, ...) \
  SHOJI_VM_CALL(shoji_hypervisor_hotplug_v1, SHOJI_HYPERVISOR_HOTPLUG_V1, slot, __VA_ARGS__)
#define SHOJI_VM_RESIZE(slot, ...) \
  SHOJI_VM_CALL(shoji_hypervisor_resize_v1, SHOJI_HYPERVISOR_RESIZE_V1, slot, __VA_ARGS__)

Result<std::string> Vm::AttachDevice(const Call& call, const VmDevice& device) {
  const DeviceArg raw(device);
  TextSink sink(kMaxText);
  SHOJI_VM_HOTPLUG(attach, raw.get(), sink.get());
  if (!status.ok()) return status;
  return sink.Take();
}

Status Vm::DetachDevice(const Call& call, std::string_view id) {
  SHOJI_VM_HOTPLUG(detach, ToStr(id));
  return status;
}

Status Vm::LimitBlock(const Call& call, std::string_view id, const DiskLimits* limits) {
  shoji_block_limits raw{};
  if (limits != nullptr) raw = ToRaw(*limits);
  SHOJI_VM_HOTPLUG(limit_block, ToStr(id), limits == nullptr ? nullptr : &raw);
  return status;
}

Result<VmSize> Vm::Size(const Call& call) {
  shoji_vm_size size = EmptySize();
  SHOJI_VM_RESIZE(size, &size);
  if (!status.ok()) return status;
  return FromRaw(size);
}

Result<VmSize> Vm::SetVcpus(const Call& call, std::uint32_t vcpus) {
  shoji_vm_size size = EmptySize();
  SHOJI_VM_RESIZE(set_vcpus, vcpus, &size);
  if (!status.ok()) return status;
  return FromRaw(size);
}

Result<VmSize> Vm::SetMemory(const Call& call, std::uint64_t bytes, std::uint64_t block_bytes) {
  shoji_vm_size size = EmptySize();
  SHOJI_VM_RESIZE(set_memory, bytes, block_bytes, &size);
  if (!status.ok()) return status;
  return FromRaw(size);
}

Result<std::string> Vm::ShareMount(std::string_view tag) {
  if (handle_ == nullptr) return NoHandle(name_, "share_mount");
  const auto* table =
      static_cast<const shoji_hypervisor_shares_v1*>(Extension(SHOJI_HYPERVISOR_SHARES_V1));
  if (!SHOJI_HAS_SLOT(shoji_hypervisor_shares_v1, table, share_mount)) {
    return NoSlot(name_, "share_mount");
  }
  TextSink sink(kMaxText);
  PluginError error;
  const std::int32_t code = table->share_mount(handle_, ToStr(tag), sink.get(), error.get());
  SHOJI_RETURN_IF_ERROR(error.ToStatus(name_, "share_mount", code));
  return sink.Take();
}

Status Vm::Pause(const Call& call) {
  SHOJI_VM_CALL(shoji_hypervisor_pause_v1, SHOJI_HYPERVISOR_PAUSE_V1, pause);
  return status;
}

Status Vm::Resume(const Call& call) {
  SHOJI_VM_CALL(shoji_hypervisor_pause_v1, SHOJI_HYPERVISOR_PAUSE_V1, resume);
  return status;
}

Status Vm::SaveSnapshot(const Call& call, const std::string& dir, bool shared_memory) {
  const std::uint32_t flags = shared_memory ? SHOJI_SNAPSHOT_SHARED_MEMORY : 0;
  SHOJI_VM_CALL(shoji_hypervisor_snapshot_v1, SHOJI_HYPERVISOR_SNAPSHOT_V1, save, ToStr(dir),
                flags);
  return status;
}

Result<UniqueFd> Vm::OpenConsole(const Call& call) {
  std::int32_t fd = -1;
  SHOJI_VM_CALL(shoji_hypervisor_console_v1, SHOJI_HYPERVISOR_CONSOLE_V1, open_console, &fd);
  if (!status.ok()) return status;
  if (fd < 0) return NullResult(name_, "open_console");
  return UniqueFd(fd);
}

Result<VmStats> Vm::Stats(const Call& call) {
  shoji_vm_stats raw{};
  raw.struct_size = sizeof(raw);
  SHOJI_VM_CALL(shoji_hypervisor_stats_v1, SHOJI_HYPERVISOR_STATS_V1, stats, &raw);
  if (!status.ok()) return status;
  return VmStats{raw.vcpus,          raw.cpu_ns,           raw.vmm_cpu_ns,
                 raw.resident_bytes, raw.block_read_bytes, raw.block_write_bytes};
}

#undef SHOJI_VM_CALL
#undef SHOJI_VM_HOTPLUG
#undef SHOJI_VM_RESIZE

}  // namespace shoji
