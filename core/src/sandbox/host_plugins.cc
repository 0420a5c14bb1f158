#include "sandbox/host_plugins.h"

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <utility>

#include "config/pairs.h"
#include "config/paths.h"
#include "host/host_cgroup.h"
#include "plugin/plugin_scan.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji {
namespace {

Config::Sources SourcesOf(const RuntimeOptions& options) {
  Config::Sources sources;
  sources.files = options.config_files;
  sources.use_environment = options.use_environment;
  sources.overrides = options.overrides;
  return sources;
}

// The embedder's defaults in the place of the declared ones. `all`: every option is declared by
// now.
Status SetDefaults(const RuntimeOptions& options, bool all, std::vector<OptionSpec>* specs) {
  for (const auto& [name, value] : options.defaults) {
    const auto same = [&name = name](const OptionSpec& spec) { return spec.name == name; };
    const auto spec = std::find_if(specs->begin(), specs->end(), same);
    if (spec != specs->end() && !IsPattern(*spec)) {
      spec->default_value = value;
    } else if (all) {
      return InvalidArgument("a default is given for option \"" + name +
                             "\", which neither the core nor a plugin declares");
    }
  }
  return OkStatus();
}

// /proc/self/mountinfo shows paths without symbolic links, so the root must have none;
// its last parts may not exist yet.
Result<std::string> Canonical(std::string path) {
  if (path.empty() || path[0] != '/') {
    return InvalidArgument("option root = \"" + path + "\" is not an absolute path");
  }
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  std::string rest;
  char resolved[PATH_MAX];
  while (realpath(path.c_str(), resolved) == nullptr) {
    const std::size_t slash = path.rfind('/');
    rest = path.substr(slash) + rest;
    path.resize(slash);
    if (path.empty()) return rest;
  }
  const std::string base = resolved;
  return base == "/" ? (rest.empty() ? base : rest) : base + rest;
}

// What the chosen hypervisor has as its default, when it declares such an option.
std::uint64_t HypervisorNumber(const Config& config, const std::string& name,
                               std::uint64_t fallback) {
  // Not by Find(): many declare none, and that would look for a name that is alike.
  const auto& values = config.values();
  const auto it = values.find("hypervisor." + config.Get("sandbox.hypervisor") + "." + name);
  if (it == values.end()) return fallback;
  const auto value = ParseInt(it->second.text);
  return value.ok() && *value > 0 ? static_cast<std::uint64_t>(*value) : fallback;
}

Result<Settings> ReadSettings(const Config& config) {
  Settings out;
  SHOJI_ASSIGN_OR_RETURN(out.root, Canonical(config.Get("root")));
  out.store = config.Get("sandbox.store");
  out.hypervisor = config.Get("sandbox.hypervisor");
  out.factory = config.Get("sandbox.factory");
  out.proxy = config.Get("sandbox.proxy");
  out.shim = config.Get("sandbox.shim");
  SHOJI_RETURN_IF_ERROR(CheckPair(out.proxy, out.shim));
  out.agent = config.Get("sandbox.agent");
  SHOJI_RETURN_IF_ERROR(CheckAgent(out.proxy, out.agent));
  out.network = config.Get("sandbox.network");
  out.boot.kernel.path = GuestKernelPath(config);
  out.boot.image.path = config.Get("guest.image");
  const bool image_only = !out.boot.image.path.empty() && config.Get("guest.initrd").empty();
  if (!image_only) out.boot.initrd.path = GuestInitrdPath(config);
  out.boot.kernel_params = config.Get("guest.kernel_params");
  out.annotations = config.GetList("sandbox.annotations");
  out.cgroup_parent = config.Get("sandbox.cgroup_parent");
  if (!out.cgroup_parent.empty()) {
    SHOJI_RETURN_IF_ERROR(
        ValidateCgroupParent(out.cgroup_parent).WithContext("option sandbox.cgroup_parent"));
  }
  out.vcpus = static_cast<std::uint32_t>(HypervisorNumber(config, "vcpus", out.vcpus));
  out.memory_bytes = HypervisorNumber(config, "memory", out.memory_bytes);
  out.boot_limit = config.GetDuration("sandbox.boot_timeout");
  out.lock_limit = config.GetDuration("sandbox.lock_timeout");
  out.call_limit = config.GetDuration("sandbox.call_timeout");
  out.stop_limit = config.GetDuration("sandbox.stop_timeout");
  return out;
}

}  // namespace

Result<std::unique_ptr<HostPlugins>> HostPlugins::Load(const RuntimeOptions& options) {
  Config::Sources sources = SourcesOf(options);
  sources.declared_only = true;
  std::vector<OptionSpec> specs = CoreOptions();
  SHOJI_RETURN_IF_ERROR(SetDefaults(options, false, &specs));
  SHOJI_ASSIGN_OR_RETURN(const Config core, Config::Load(specs, sources));
  SHOJI_ASSIGN_OR_RETURN(TrustPolicy policy, TrustPolicy::FromConfig(core));
  PluginScan scan = PluginScan::Run({PluginDirs(core), std::move(policy)});
  for (const InProcessPlugin& plugin : options.plugins) {
    SHOJI_RETURN_IF_ERROR(scan.AddInProcess(plugin.note, plugin.open));
  }
  scan.AppendOptions(&specs);
  SHOJI_RETURN_IF_ERROR(SetDefaults(options, true, &specs));
  sources.declared_only = false;
  sources.explain_unknown = [&scan](const std::string& option) {
    return scan.ExplainUnknown(option);
  };
  SHOJI_ASSIGN_OR_RETURN(Config config, Config::Load(specs, sources));
  std::unique_ptr<HostPlugins> out(new HostPlugins(std::move(config)));
  SHOJI_RETURN_IF_ERROR(out->OpenHost(std::move(scan), options));
  return out;
}

Status HostPlugins::OpenHost(PluginScan scan, const RuntimeOptions& options) {
  SHOJI_ASSIGN_OR_RETURN(settings_, ReadSettings(config_));
  settings_.cancel_fd = options.cancel_fd;
  SHOJI_ASSIGN_OR_RETURN(const LogLevel level, ParseLogLevel(config_.Get("log.level")));
  logger_ = std::make_shared<Logger>(level, options.log_sink);
  for (const std::string& warning : config_.warnings()) logger_->Warn(warning);
  policy_ = scan.policy();
  PluginHost::Options host;
  host.scan = std::move(scan);
  host.config = &config_;
  host.open_timeout = config_.GetDuration("plugins.open_timeout");
  HostServices& services = host.services;
  services.log = [logger = logger_](LogLevel at, const std::string& text) {
    logger->Write(at, text);
  };
  services.log_enabled = [logger = logger_](LogLevel at) { return logger->Enabled(at); };
  services.on_span = options.on_span;
  services.run_dir = settings_.root;
  services.state_dir = config_.Get("state_dir");
  services.cache_dir = config_.Get("cache_dir");
  services.libexec_dir = LibexecDir();
  SHOJI_ASSIGN_OR_RETURN(host_, PluginHost::Create(std::move(host)));
  return OkStatus();
}

PluginInfo HostPlugins::CheckPlugin(const std::string& path) const {
  ScannedPlugin plugin = PluginScan::CheckFile(path, policy_);
  plugin.info.options = OptionsInForce(plugin.note, config_);
  return std::move(plugin.info);
}

Status HostPlugins::LoadPlugin(const std::string& kind, const std::string& id) const {
  return host_->Load(kind, id);
}

Result<std::unique_ptr<Store>> HostPlugins::OpenStore(const std::string& id) {
  return host_->OpenStore(id);
}
Result<std::unique_ptr<Hypervisor>> HostPlugins::OpenHypervisor(const std::string& id) {
  return host_->OpenHypervisor(id);
}
Result<std::unique_ptr<Factory>> HostPlugins::OpenFactory(const std::string& id) {
  return host_->OpenFactory(id);
}
Result<std::unique_ptr<Shim>> HostPlugins::OpenShim(const std::string& id) {
  return host_->OpenShim(id);
}
Result<std::unique_ptr<Network>> HostPlugins::OpenNetwork(const std::string& id) {
  return host_->OpenNetwork(id);
}
Result<NewVm> HostPlugins::MakeVm(Factory& factory, const Call& call,
                                  const Factory::Request& request) {
  return host_->MakeVm(factory, call, request);
}
Result<std::unique_ptr<Proxy>> HostPlugins::StartProxy(const std::string& id, const Call& call,
                                                       const Proxy::Params& params) {
  return host_->StartProxy(id, call, params);
}
Result<std::unique_ptr<Proxy>> HostPlugins::AttachProxy(const std::string& id, const Call& call,
                                                        std::string_view state) {
  return host_->AttachProxy(id, call, state);
}
Result<std::unique_ptr<Agent>> HostPlugins::OpenAgent(const std::string& id, const Proxy& proxy) {
  return host_->OpenAgent(id, proxy);
}

}  // namespace shoji
