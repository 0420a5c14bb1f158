#include "plugin/interfaces.h"
#include "plugin/slots.h"

namespace shoji {
namespace {

// VmConfig in the ABI's form; valid as long as the VmConfig is.
class VmConfigArg {
 public:
  explicit VmConfigArg(const VmConfig& config) {
    for (const VmShare& share : config.shares) {
      shares_.push_back({sizeof(shoji_share), share.read_only ? SHOJI_SHARE_READONLY : 0U,
                         ToStr(share.tag), ToStr(share.host_path)});
    }
    for (const shoji_share& share : shares_) pointers_.push_back(&share);
    raw_.struct_size = sizeof(raw_);
    raw_.vcpus = config.vcpus;
    raw_.memory_bytes = config.memory_bytes;
    raw_.id = ToStr(config.id);
    raw_.run_dir = ToStr(config.run_dir);
    raw_.kernel = ToStr(config.kernel);
    raw_.initrd = ToStr(config.initrd);
    raw_.kernel_params = ToStr(config.kernel_params);
    raw_.shares = pointers_.data();
    raw_.share_count = Count(pointers_.size());
  }
  VmConfigArg(const VmConfigArg&) = delete;
  VmConfigArg& operator=(const VmConfigArg&) = delete;
  const shoji_vm_config* get() const { return &raw_; }

 private:
  std::vector<shoji_share> shares_;
  std::vector<const shoji_share*> pointers_;
  shoji_vm_config raw_{};
};

}  // namespace

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
