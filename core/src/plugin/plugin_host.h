// Loads and registers plugins; hands out typed wrappers.
//
// Purpose  A plugin that PluginScan found is loaded (Boost.DLL) when something of it is
//          first opened, once, and never unloaded. One that is refused, or that fails to
//          load, stays in the list with its reason.
// Threads  Safe.
// Life     Must outlive everything it opened. Plugins are never unloaded.
// Example
//     SHOJI_ASSIGN_OR_RETURN(Config core, Config::Load(CoreOptions(), first_pass));
//     SHOJI_ASSIGN_OR_RETURN(TrustPolicy policy, TrustPolicy::FromConfig(core));
//     PluginScan scan = PluginScan::Run({PluginDirs(core), std::move(policy)});
//     std::vector<OptionSpec> specs = CoreOptions();
//     scan.AppendOptions(&specs);
//     SHOJI_ASSIGN_OR_RETURN(Config config, Config::Load(specs, sources));
//     PluginHost::Options options;
//     options.scan = std::move(scan);
//     options.config = &config;
//     SHOJI_ASSIGN_OR_RETURN(auto host, PluginHost::Create(std::move(options)));
//     SHOJI_ASSIGN_OR_RETURN(auto store, host->OpenStore("filesystem"));
#ifndef SHOJI_CORE_PLUGIN_PLUGIN_HOST_H_
#define SHOJI_CORE_PLUGIN_PLUGIN_HOST_H_

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "plugin/host_services.h"
#include "plugin/interfaces.h"
#include "plugin/network.h"
#include "plugin/plugin_scan.h"
#include "shoji/status.h"
#include "shoji/types.h"

namespace shoji {

class Config;

class PluginHost {
 public:
  struct Options {
    PluginScan scan;
    // Values for each plugin's options come from here; must outlive the host.
    const Config* config = nullptr;
    HostServices services;
    // For a plugin to open; 0: no limit. One that takes longer is given up: its thread stays,
    // with all that it holds (opening.h).
    std::chrono::nanoseconds open_timeout = std::chrono::seconds(10);
  };

  static Result<std::unique_ptr<PluginHost>> Create(Options options);
  // Calls shutdown() of every plugin that was opened, those first that use others.
  ~PluginHost();
  PluginHost(const PluginHost&) = delete;
  PluginHost& operator=(const PluginHost&) = delete;

  // Loads none, but reads the whole file of those that are pinned or signed.
  std::vector<PluginInfo> List() const;
  std::vector<Metric> Metrics() const;

  // Loads and opens a plugin, and asks for the interface of its kind; makes no instance.
  Status Load(const std::string& kind, const std::string& id);

  // `id` empty: the one configured in [sandbox]. NOT_FOUND names the plugins there are;
  // FAILED_PRECONDITION carries the reason why the file is refused, DEADLINE_EXCEEDED names
  // the one that does not open in time.
  Result<std::unique_ptr<Store>> OpenStore(const std::string& id);
  Result<std::unique_ptr<Hypervisor>> OpenHypervisor(const std::string& id);
  Result<std::unique_ptr<Factory>> OpenFactory(const std::string& id);
  Result<std::unique_ptr<Shim>> OpenShim(const std::string& id);
  Result<std::unique_ptr<Network>> OpenNetwork(const std::string& id);

  // Factory::NewVmRaw with its handles wrapped.
  Result<NewVm> MakeVm(Factory& factory, const Call& call, const Factory::Request& request);

  // For a VM that no factory made.
  Result<std::unique_ptr<Proxy>> StartProxy(const std::string& id, const Call& call,
                                            const Proxy::Params& params);
  // Reconnects from saved state.
  Result<std::unique_ptr<Proxy>> AttachProxy(const std::string& id, const Call& call,
                                             std::string_view state);
  Result<std::unique_ptr<Agent>> OpenAgent(const std::string& id, const Proxy& proxy);

 private:
  struct Impl;
  explicit PluginHost(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace shoji

#endif  // SHOJI_CORE_PLUGIN_PLUGIN_HOST_H_
