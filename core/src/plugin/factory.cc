#include "plugin/interfaces.h"
#include "plugin/slots.h"
#include "plugin/vm_config_arg.h"

namespace shoji {
Factory::Factory(const shoji_factory_v1* table, shoji_factory* handle, std::string name)
    : table_(table), handle_(handle), name_(std::move(name)) {}

Factory::~Factory() {
  if (SHOJI_HAS_SLOT(shoji_factory_v1, table_, close)) table_->close(handle_);
}

Result<shoji_new_vm> Factory::NewVmRaw(const Call& call, const Request& request) {
  if (!SHOJI_HAS_SLOT(shoji_factory_v1, table_, new_vm)) return NoSlot(name_, "new_vm");
  if (request.hypervisor == nullptr) return InvalidArgument("a new VM needs a hypervisor");
  const VmConfigArg config(request.config);
  shoji_vm_request raw{};
  raw.struct_size = sizeof(raw);
  raw.hypervisor_id = ToStr(request.hypervisor->id());
  raw.proxy_id = ToStr(request.proxy_id);
  raw.agent_id = ToStr(request.agent_id);
  raw.hypervisor = request.hypervisor->handle();
  raw.config = config.get();
  shoji_new_vm vm{};
  vm.struct_size = sizeof(vm);
  const CallArg arg(call);
  PluginError error;
  const std::int32_t code = table_->new_vm(handle_, arg.get(), &raw, &vm, error.get());
  SHOJI_RETURN_IF_ERROR(error.ToStatus(name_, "new_vm", code));
  return vm;
}

Result<std::string> Factory::GetStatus(const Call& call) {
  if (!SHOJI_HAS_SLOT(shoji_factory_v1, table_, status)) return NoSlot(name_, "status");
  TextSink sink(kMaxText);
  const CallArg arg(call);
  PluginError error;
  const std::int32_t code = table_->status(handle_, arg.get(), sink.get(), error.get());
  SHOJI_RETURN_IF_ERROR(error.ToStatus(name_, "status", code));
  return sink.Take();
}

Status Factory::DestroyPrepared(const Call& call) {
  if (!SHOJI_HAS_SLOT(shoji_factory_v1, table_, destroy)) return NoSlot(name_, "destroy");
  const CallArg arg(call);
  PluginError error;
  return error.ToStatus(name_, "destroy", table_->destroy(handle_, arg.get(), error.get()));
}

}  // namespace shoji
