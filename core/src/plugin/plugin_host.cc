#include "plugin/plugin_host.h"

#include "plugin/opening.h"
#include "plugin/registry.h"
#include "plugin/slots.h"

namespace shoji {
namespace {

// An opened plugin with the table of its kind.
template <typename Table>
struct Opened {
  Plugin* plugin = nullptr;
  const Table* table = nullptr;
};

template <typename Table>
Result<Opened<Table>> OpenKind(Registry* registry, const char* kind, const std::string& id) {
  SHOJI_ASSIGN_OR_RETURN(Plugin * plugin, registry->Open(kind, id, nullptr));
  SHOJI_ASSIGN_OR_RETURN(const void* table, FindInterface(*plugin, RequiredInterface(kind)));
  return Opened<Table>{plugin, static_cast<const Table*>(table)};
}

// Opens the plugin and an instance of its kind: store, hypervisor, factory.
template <typename Handle, typename Table>
Result<Handle*> OpenInstance(const Opened<Table>& opened) {
  const std::string& name = opened.plugin->name;
  if (!SHOJI_HAS_SLOT(Table, opened.table, open)) return NoSlot(name, "open");
  PluginError error;
  Handle* handle = nullptr;
  const std::int32_t code =
      opened.table->open(opened.plugin->table.self, &opened.plugin->options, &handle, error.get());
  SHOJI_RETURN_IF_ERROR(error.ToStatus(name, "open", code));
  if (handle == nullptr) return NullResult(name, "open");
  return handle;
}

// What an agent's connector stands for: the proxy, which outlives the agent.
struct ProxyConnection {
  const shoji_proxy_v1* table;
  shoji_proxy* handle;

  static std::int32_t Connect(void* ctx, const shoji_call* call, std::int32_t* ret_fd,
                              shoji_error* error) noexcept {
    const auto* self = static_cast<ProxyConnection*>(ctx);
    return self->table->connect(self->handle, call, ret_fd, error);
  }
  static void Release(void* ctx) noexcept { delete static_cast<ProxyConnection*>(ctx); }
};

}  // namespace

struct PluginHost::Impl {
  Impl(PluginScan scan, Registry::Options options)
      : registry(std::move(scan), std::move(options)) {}
  Registry registry;
};

PluginHost::PluginHost(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PluginHost::~PluginHost() = default;

Result<std::unique_ptr<PluginHost>> PluginHost::Create(Options options) {
  if (options.config == nullptr) return InvalidArgument("the plugin host needs a configuration");
  Registry::Options own{options.config, std::move(options.services), options.open_timeout};
  return std::unique_ptr<PluginHost>(
      new PluginHost(std::make_unique<Impl>(std::move(options.scan), std::move(own))));
}

std::vector<PluginInfo> PluginHost::List() const { return impl_->registry.List(); }
std::vector<Metric> PluginHost::Metrics() const { return impl_->registry.Metrics(); }

Result<std::unique_ptr<Store>> PluginHost::OpenStore(const std::string& id) {
  SHOJI_ASSIGN_OR_RETURN(const auto opened,
                         OpenKind<shoji_store_v1>(&impl_->registry, "store", id));
  SHOJI_ASSIGN_OR_RETURN(shoji_store * handle, OpenInstance<shoji_store>(opened));
  return std::make_unique<Store>(opened.table, handle, opened.plugin->name);
}

Result<std::unique_ptr<Hypervisor>> PluginHost::OpenHypervisor(const std::string& id) {
  SHOJI_ASSIGN_OR_RETURN(const auto opened,
                         OpenKind<shoji_hypervisor_v1>(&impl_->registry, "hypervisor", id));
  SHOJI_ASSIGN_OR_RETURN(shoji_hypervisor * handle, OpenInstance<shoji_hypervisor>(opened));
  return std::make_unique<Hypervisor>(opened.table, handle, opened.plugin->scanned.info.id);
}

Result<std::unique_ptr<Factory>> PluginHost::OpenFactory(const std::string& id) {
  SHOJI_ASSIGN_OR_RETURN(const auto opened,
                         OpenKind<shoji_factory_v1>(&impl_->registry, "factory", id));
  SHOJI_ASSIGN_OR_RETURN(shoji_factory * handle, OpenInstance<shoji_factory>(opened));
  auto factory = std::make_unique<Factory>(opened.table, handle, opened.plugin->name);
  const auto server = FindInterface(*opened.plugin, SHOJI_FACTORY_SERVER_V1);
  if (server.ok()) {
    factory->set_server(static_cast<const shoji_factory_server_v1*>(*server));
  } else if (server.status().code() != StatusCode::kUnimplemented) {
    return server.status();
  }
  return factory;
}

Result<std::unique_ptr<Network>> PluginHost::OpenNetwork(const std::string& id) {
  SHOJI_ASSIGN_OR_RETURN(const auto opened,
                         OpenKind<shoji_network_v1>(&impl_->registry, "network", id));
  SHOJI_ASSIGN_OR_RETURN(shoji_network * handle, OpenInstance<shoji_network>(opened));
  return std::make_unique<Network>(opened.table, handle, opened.plugin->name);
}

Result<std::unique_ptr<Shim>> PluginHost::OpenShim(const std::string& id) {
  SHOJI_ASSIGN_OR_RETURN(const auto opened, OpenKind<shoji_shim_v1>(&impl_->registry, "shim", id));
  return std::make_unique<Shim>(opened.table, opened.plugin->table.self, &opened.plugin->options,
                                opened.plugin->name);
}

Result<NewVm> PluginHost::MakeVm(Factory& factory, const Call& call,
                                 const Factory::Request& request) {
  // The tables first: once there is a VM, nothing here may fail.
  SHOJI_ASSIGN_OR_RETURN(const auto proxy,
                         OpenKind<shoji_proxy_v1>(&impl_->registry, "proxy", request.proxy_id));
  SHOJI_ASSIGN_OR_RETURN(const auto agent,
                         OpenKind<shoji_agent_v1>(&impl_->registry, "agent", request.agent_id));
  SHOJI_ASSIGN_OR_RETURN(const shoji_new_vm raw, factory.NewVmRaw(call, request));
  NewVm vm;
  if (raw.vm != nullptr) {
    vm.vm = std::make_unique<Vm>(request.hypervisor->table(), raw.vm,
                                 "hypervisor " + request.hypervisor->id());
  }
  if (raw.proxy != nullptr) {
    vm.proxy = std::make_unique<Proxy>(proxy.table, raw.proxy, proxy.plugin->name);
  }
  if (raw.agent != nullptr) {
    vm.agent = std::make_unique<Agent>(agent.table, raw.agent, agent.plugin->name);
  }
  vm.cloned = (raw.flags & SHOJI_NEW_VM_CLONED) != 0;
  vm.held = (raw.flags & SHOJI_NEW_VM_HELD) != 0;
  vm.boot_vcpus = raw.boot_vcpus;
  vm.boot_memory_bytes = raw.boot_memory_bytes;
  if (vm.vm != nullptr && vm.proxy != nullptr && vm.agent != nullptr) return vm;
  vm.agent.reset();
  if (vm.proxy != nullptr) (void)vm.proxy->Stop(call);
  if (vm.vm != nullptr) (void)vm.vm->Destroy(call);
  return Internal("the factory gave a VM without its hypervisor, proxy or agent handle");
}

Result<std::unique_ptr<Proxy>> PluginHost::StartProxy(const std::string& id, const Call& call,
                                                      const Proxy::Params& params) {
  SHOJI_ASSIGN_OR_RETURN(const auto opened,
                         OpenKind<shoji_proxy_v1>(&impl_->registry, "proxy", id));
  const std::string& name = opened.plugin->name;
  if (!SHOJI_HAS_SLOT(shoji_proxy_v1, opened.table, start)) return NoSlot(name, "start");
  shoji_proxy_params raw{};
  raw.struct_size = sizeof(raw);
  raw.sandbox_id = ToStr(params.sandbox_id);
  raw.run_dir = ToStr(params.run_dir);
  raw.agent_url = ToStr(params.agent_url);
  raw.console_url = ToStr(params.console_url);
  const CallArg arg(call);
  PluginError error;
  shoji_proxy* handle = nullptr;
  const std::int32_t code = opened.table->start(opened.plugin->table.self, &opened.plugin->options,
                                                arg.get(), &raw, &handle, error.get());
  SHOJI_RETURN_IF_ERROR(error.ToStatus(name, "start", code));
  if (handle == nullptr) return NullResult(name, "start");
  return std::make_unique<Proxy>(opened.table, handle, name);
}

Result<std::unique_ptr<Proxy>> PluginHost::AttachProxy(const std::string& id, const Call& call,
                                                       std::string_view state) {
  SHOJI_ASSIGN_OR_RETURN(const auto opened,
                         OpenKind<shoji_proxy_v1>(&impl_->registry, "proxy", id));
  const std::string& name = opened.plugin->name;
  if (!SHOJI_HAS_SLOT(shoji_proxy_v1, opened.table, attach)) return NoSlot(name, "attach");
  const CallArg arg(call);
  PluginError error;
  shoji_proxy* handle = nullptr;
  const std::int32_t code = opened.table->attach(opened.plugin->table.self, &opened.plugin->options,
                                                 arg.get(), ToStr(state), &handle, error.get());
  SHOJI_RETURN_IF_ERROR(error.ToStatus(name, "attach", code));
  if (handle == nullptr) return NullResult(name, "attach");
  return std::make_unique<Proxy>(opened.table, handle, name);
}

Result<std::unique_ptr<Agent>> PluginHost::OpenAgent(const std::string& id, const Proxy& proxy) {
  SHOJI_ASSIGN_OR_RETURN(const auto opened,
                         OpenKind<shoji_agent_v1>(&impl_->registry, "agent", id));
  const std::string& name = opened.plugin->name;
  if (!SHOJI_HAS_SLOT(shoji_agent_v1, opened.table, open)) return NoSlot(name, "open");
  if (!SHOJI_HAS_SLOT(shoji_proxy_v1, proxy.table(), connect)) return NoSlot("proxy", "connect");
  if (proxy.handle() == nullptr) return NoHandle("proxy", "connect");
  // From here on the agent's: it calls Release in every case.
  auto* connection = new ProxyConnection{proxy.table(), proxy.handle()};
  const shoji_connector connector = {sizeof(shoji_connector), 0, connection,
                                     ProxyConnection::Connect, ProxyConnection::Release};
  PluginError error;
  shoji_agent* handle = nullptr;
  const std::int32_t code = opened.table->open(opened.plugin->table.self, &opened.plugin->options,
                                               &connector, &handle, error.get());
  SHOJI_RETURN_IF_ERROR(error.ToStatus(name, "open", code));
  if (handle == nullptr) return NullResult(name, "open");
  return std::make_unique<Agent>(opened.table, handle, name);
}

}  // namespace shoji
