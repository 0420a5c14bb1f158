#include "plugin/interfaces.h"
#include "plugin/slots.h"
#include "plugin/vm_config_arg.h"
#include "shoji/plugin/hypervisor_state.h"

namespace shoji {

Hypervisor::Hypervisor(const shoji_hypervisor_v1* table, shoji_hypervisor* handle, std::string id)
    : table_(table), handle_(handle), id_(std::move(id)) {}

Hypervisor::~Hypervisor() {
  if (SHOJI_HAS_SLOT(shoji_hypervisor_v1, table_, close)) table_->close(handle_);
}

Result<std::string> Hypervisor::Check(const Call& call) {
  const std::string name = "hypervisor " + id_;
  if (!SHOJI_HAS_SLOT(shoji_hypervisor_v1, table_, check)) return NoSlot(name, "check");
  const CallArg arg(call);
  TextSink sink(kMaxText);
  PluginError error;
  const std::int32_t code = table_->check(handle_, arg.get(), sink.get(), error.get());
  Status status = error.ToStatus(name, "check", code);
  // The report is written in both cases: it says what to do.
  if (!status.ok()) return std::move(status).WithDetail("report", sink.Take());
  return sink.Take();
}

Result<Hypervisor::Attached> Hypervisor::Attach(const Call& call, std::string_view state) {
  const std::string name = "hypervisor " + id_;
  if (!SHOJI_HAS_SLOT(shoji_hypervisor_v1, table_, attach)) return NoSlot(name, "attach");
  const CallArg arg(call);
  PluginError error;
  shoji_vm* vm = nullptr;
  const std::int32_t code = table_->attach(handle_, arg.get(), ToStr(state), &vm, error.get());
  Attached attached;
  attached.gone = code == SHOJI_NOT_FOUND;
  if (vm != nullptr) attached.vm = std::make_unique<Vm>(table_, vm, name);
  if (!attached.gone) SHOJI_RETURN_IF_ERROR(error.ToStatus(name, "attach", code));
  if (attached.vm == nullptr) return NullResult(name, "attach");
  return attached;
}

// The table belongs to a VM, so one that is never started is asked for it.
Result<const void*> Hypervisor::SnapshotTable(const Call& call, const shoji_vm_config* config) {
  const std::string name = "hypervisor " + id_;
  if (!SHOJI_HAS_SLOT(shoji_hypervisor_v1, table_, create)) return NoSlot(name, "create");
  const CallArg arg(call);
  PluginError error;
  shoji_vm* vm = nullptr;
  const std::int32_t code = table_->create(handle_, arg.get(), config, &vm, error.get());
  SHOJI_RETURN_IF_ERROR(error.ToStatus(name, "create", code));
  if (vm == nullptr) return NullResult(name, "create");
  return Vm(table_, vm, name).Extension(SHOJI_HYPERVISOR_SNAPSHOT_V1);
}

Result<bool> Hypervisor::CanSnapshot(const Call& call, const VmConfig& config) {
  const VmConfigArg raw(config);
  SHOJI_ASSIGN_OR_RETURN(const void* const table, SnapshotTable(call, raw.get()));
  return table != nullptr;
}

Result<std::unique_ptr<Vm>> Hypervisor::Restore(const Call& call, const std::string& dir,
                                                const VmConfig& config, bool shared_memory) {
  const std::string name = "hypervisor " + id_;
  const VmConfigArg raw(config);
  SHOJI_ASSIGN_OR_RETURN(const void* const found, SnapshotTable(call, raw.get()));
  const auto* table = static_cast<const shoji_hypervisor_snapshot_v1*>(found);
  if (!SHOJI_HAS_SLOT(shoji_hypervisor_snapshot_v1, table, restore)) {
    return NoSlot(name, "restore");
  }
  const CallArg arg(call);
  PluginError error;
  shoji_vm* vm = nullptr;
  const std::uint32_t flags = shared_memory ? SHOJI_SNAPSHOT_SHARED_MEMORY : 0;
  const std::int32_t code =
      table->restore(handle_, arg.get(), ToStr(dir), raw.get(), flags, &vm, error.get());
  SHOJI_RETURN_IF_ERROR(error.ToStatus(name, "restore", code));
  if (vm == nullptr) return NullResult(name, "restore");
  return std::make_unique<Vm>(table_, vm, name);
}

}  // namespace shoji
