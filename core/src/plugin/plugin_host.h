// Loads and registers plugins; hands out typed wrappers.
//
// Purpose  A plugin that PluginScan found is loaded (Boost.DLL) when something of it is
//          first opened, once, and never unloaded. One that is refused, or that fails to
//          load, stays in the list with its reason.
// Threads  Safe.
// Life     Must outlive everything it opened. Plugins are never unloaded.
// Example
//     SHOJI_ASSIGN_OR_RETURN(Config core, Config::Load(CoreOptions(), first_pass));
//     SHOJI_ASSIGN_OR_RETURN(PluginScan scan, PluginScan::Run({PluginDirs(core),
//                                                              core.Get("plugins.trust")}));
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

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "plugin/interfaces.h"
#include "plugin/plugin_scan.h"
#include "shoji/runtime.h"
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
    // May be called from any thread; nothing: dropped.
    std::function<void(LogLevel, const std::string&)> log;
    // What plugins ask before they build a message; nothing: every level is.
    std::function<bool(LogLevel)> log_enabled;
    std::function<void(const Span&)> on_span;
    // shoji.dirs/1
    std::string run_dir;
    std::string state_dir;
    std::string cache_dir;
    std::string libexec_dir;
  };

  static Result<std::unique_ptr<PluginHost>> Create(Options options);
  // Calls shutdown() of every plugin that was opened, those first that use others.
  ~PluginHost();
  PluginHost(const PluginHost&) = delete;
  PluginHost& operator=(const PluginHost&) = delete;

  std::vector<PluginInfo> List() const;

  // `id` empty: the one configured in [sandbox]. NOT_FOUND names the plugins there are;
  // FAILED_PRECONDITION carries the reason why the file is refused.
  Result<std::unique_ptr<Store>> OpenStore(const std::string& id);
  Result<std::unique_ptr<Hypervisor>> OpenHypervisor(const std::string& id);
  Result<std::unique_ptr<Factory>> OpenFactory(const std::string& id);
  Result<std::unique_ptr<Shim>> OpenShim(const std::string& id);

  // Factory::NewVmRaw with its handles wrapped.
  Result<NewVm> MakeVm(Factory& factory, const Call& call, const Factory::Request& request);

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
