#include "plugin/interfaces.h"
#include "plugin/slots.h"
#include "plugin/vm_config_arg.h"

namespace shoji {
namespace {

// A request in the ABI's form.
class RequestArg {
 public:
  explicit RequestArg(const Factory::Request& request) : config_(request.config) {
    raw_.struct_size = sizeof(raw_);
    raw_.hypervisor_id = ToStr(request.hypervisor->id());
    raw_.proxy_id = ToStr(request.proxy_id);
    raw_.agent_id = ToStr(request.agent_id);
    raw_.hypervisor = request.hypervisor->handle();
    raw_.config = config_.get();
  }
  const shoji_vm_request* get() const { return &raw_; }

 private:
  const VmConfigArg config_;
  shoji_vm_request raw_{};
};

Status NoHypervisor() { return InvalidArgument("a new VM needs a hypervisor"); }

}  // namespace

Factory::Factory(const shoji_factory_v1* table, shoji_factory* handle, std::string name)
    : table_(table), handle_(handle), name_(std::move(name)) {}

Factory::~Factory() {
  if (SHOJI_HAS_SLOT(shoji_factory_v1, table_, close)) table_->close(handle_);
}

Result<shoji_new_vm> Factory::NewVmRaw(const Call& call, const Request& request) {
  if (!SHOJI_HAS_SLOT(shoji_factory_v1, table_, new_vm)) return NoSlot(name_, "new_vm");
  if (request.hypervisor == nullptr) return NoHypervisor();
  const RequestArg raw(request);
  shoji_new_vm vm{};
  vm.struct_size = sizeof(vm);
  const CallArg arg(call);
  PluginError error;
  const std::int32_t code = table_->new_vm(handle_, arg.get(), raw.get(), &vm, error.get());
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

Status Factory::Prepare(const Call& call, const Request& request) {
  if (!can_prepare()) return NoSlot(name_, "prepare");
  if (request.hypervisor == nullptr) return NoHypervisor();
  const RequestArg raw(request);
  const CallArg arg(call);
  PluginError error;
  const std::int32_t code = server_->prepare(handle_, arg.get(), raw.get(), error.get());
  return error.ToStatus(name_, "prepare", code);
}

Status Factory::Serve(const Call& call, const Request& request, const std::string& socket_path) {
  if (!can_serve()) return NoSlot(name_, "serve");
  if (request.hypervisor == nullptr) return NoHypervisor();
  const RequestArg raw(request);
  const CallArg arg(call);
  PluginError error;
  const std::int32_t code =
      server_->serve(handle_, arg.get(), raw.get(), ToStr(socket_path), error.get());
  return error.ToStatus(name_, "serve", code);
}

}  // namespace shoji
