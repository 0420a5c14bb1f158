// Plugins from the plugin host, with the configuration they read.
//
// Threads  Safe.
// Example  SHOJI_ASSIGN_OR_RETURN(auto loaded, HostPlugins::Load(options));
#ifndef SHOJI_CORE_SANDBOX_HOST_PLUGINS_H_
#define SHOJI_CORE_SANDBOX_HOST_PLUGINS_H_

#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "log/log.h"
#include "plugin/plugin_host.h"
#include "sandbox/context.h"
#include "sandbox/plugins.h"

namespace shoji {

class HostPlugins final : public Plugins {
 public:
  // Reads the configuration twice: the first time for the places of plugins, then with the
  // options that those declare.
  static Result<std::unique_ptr<HostPlugins>> Load(const RuntimeOptions& options);

  const Config& config() const { return config_; }
  const PluginHost& host() const { return *host_; }
  const std::shared_ptr<Logger>& logger() const { return logger_; }
  const Settings& settings() const { return settings_; }

  PluginInfo CheckPlugin(const std::string& path) const;
  Status LoadPlugin(const std::string& kind, const std::string& id) const;

  Result<std::unique_ptr<Store>> OpenStore(const std::string& id) override;
  Result<std::unique_ptr<Hypervisor>> OpenHypervisor(const std::string& id) override;
  Result<std::unique_ptr<Factory>> OpenFactory(const std::string& id) override;
  Result<std::unique_ptr<Shim>> OpenShim(const std::string& id) override;
  Result<std::unique_ptr<Network>> OpenNetwork(const std::string& id) override;
  Result<NewVm> MakeVm(Factory& factory, const Call& call,
                       const Factory::Request& request) override;
  Result<std::unique_ptr<Proxy>> StartProxy(const std::string& id, const Call& call,
                                            const Proxy::Params& params) override;
  Result<std::unique_ptr<Proxy>> AttachProxy(const std::string& id, const Call& call,
                                             std::string_view state) override;
  Result<std::unique_ptr<Agent>> OpenAgent(const std::string& id, const Proxy& proxy) override;

 private:
  explicit HostPlugins(Config config) : config_(std::move(config)) {}
  Status OpenHost(PluginScan scan, const RuntimeOptions& options);

  const Config config_;
  TrustPolicy policy_;
  Settings settings_;
  std::shared_ptr<Logger> logger_;
  std::unique_ptr<PluginHost> host_;  // last: uses config_
};

}  // namespace shoji

#endif  // SHOJI_CORE_SANDBOX_HOST_PLUGINS_H_
