// Where sandboxes get their plugins from: the plugin host, or tables of a test.
//
// Threads  Safe.
// Example  SHOJI_ASSIGN_OR_RETURN(auto store, plugins.OpenStore("filesystem"));
#ifndef SHOJI_CORE_SANDBOX_PLUGINS_H_
#define SHOJI_CORE_SANDBOX_PLUGINS_H_

#include <memory>
#include <string>
#include <string_view>

#include "plugin/interfaces.h"
#include "shoji/status.h"

namespace shoji {

// As the functions of PluginHost (plugin/plugin_host.h).
class Plugins {
 public:
  virtual ~Plugins() = default;
  virtual Result<std::unique_ptr<Store>> OpenStore(const std::string& id) = 0;
  virtual Result<std::unique_ptr<Hypervisor>> OpenHypervisor(const std::string& id) = 0;
  virtual Result<std::unique_ptr<Factory>> OpenFactory(const std::string& id) = 0;
  virtual Result<std::unique_ptr<Shim>> OpenShim(const std::string& id) = 0;
  virtual Result<std::unique_ptr<Network>> OpenNetwork(const std::string& id) = 0;
  virtual Result<NewVm> MakeVm(Factory& factory, const Call& call,
                               const Factory::Request& request) = 0;
  virtual Result<std::unique_ptr<Proxy>> StartProxy(const std::string& id, const Call& call,
                                                    const Proxy::Params& params) = 0;
  virtual Result<std::unique_ptr<Proxy>> AttachProxy(const std::string& id, const Call& call,
                                                     std::string_view state) = 0;
  virtual Result<std::unique_ptr<Agent>> OpenAgent(const std::string& id, const Proxy& proxy) = 0;
};

}  // namespace shoji

#endif  // SHOJI_CORE_SANDBOX_PLUGINS_H_
