// Finds, checks, loads and registers plugins; hands out typed wrappers.
//
// Purpose  `Scan` reads the ELF notes of every file in the search path; a plugin is loaded
//          (Boost.DLL) when something of it is first opened. A plugin that is refused is
//          kept in the list with its reason.
// Threads  Safe.
// Life     Must outlive everything it opened. Plugins are never unloaded.
// Example  host->OpenStore("filesystem")
#ifndef SHOJI_CORE_PLUGIN_PLUGIN_HOST_H_
#define SHOJI_CORE_PLUGIN_PLUGIN_HOST_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "plugin/interfaces.h"
#include "shoji/runtime.h"
#include "shoji/status.h"
#include "shoji/types.h"

namespace shoji {

class Config;

class PluginHost {
 public:
  struct Options {
    // Values for each plugin's options come from here; must outlive the host.
    const Config* config = nullptr;
    std::function<void(LogLevel, const std::string&)> log;
    std::function<void(const Span&)> on_span;
    // shoji.dirs/1
    std::string run_dir;
    std::string state_dir;
    std::string cache_dir;
    std::string libexec_dir;
  };

  static Result<std::unique_ptr<PluginHost>> Create(Options options);
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
