#include "plugin/interfaces.h"
#include "plugin/slots.h"

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

}  // namespace shoji
