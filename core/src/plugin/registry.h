// The plugins of one host: opened on demand, once, and shut down in a sound order.
//
// Purpose  The shared heart of PluginHost and of the services that plugins call.
// Threads  Safe. Opening takes turns; a plugin that is open is found without waiting for
//          others that are being opened.
// Life     Plugins get pointers into it: it must not move, and must outlive all handles.
//          Plugins that were given up while they opened may outlive it (opening.h).
// Example  SHOJI_ASSIGN_OR_RETURN(Plugin* p, registry.Open("store", "kv", nullptr));
#ifndef SHOJI_CORE_PLUGIN_REGISTRY_H_
#define SHOJI_CORE_PLUGIN_REGISTRY_H_

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "plugin/host_services.h"
#include "plugin/plugin.h"
#include "plugin/plugin_scan.h"
#include "shoji/base/thread_annotations.h"
#include "shoji/status.h"
#include "shoji/types.h"

namespace shoji {

class Config;

class Registry {
 public:
  struct Options {
    const Config* config = nullptr;
    HostServices services;
    std::chrono::nanoseconds open_timeout{0};  // 0: no limit
  };
  Registry(PluginScan scan, Options options);
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // Verifies what was not verified yet, and loads nothing.
  std::vector<PluginInfo> List();
  std::vector<Metric> Metrics() const;

  // The plugin, opened; `id` empty: the configured one. `user`, if any, is the plugin that
  // asks: it is shut down first. See PluginHost for the errors.
  Result<Plugin*> Open(const std::string& kind, const std::string& id, Plugin* user);

 private:
  Result<std::shared_ptr<Plugin>> Find(const std::string& kind, const std::string& id) const;
  Status OpenInTurn(const std::shared_ptr<Plugin>& plugin, Plugin* user) SHOJI_EXCLUDES(mutex_);
  Status OpenOnce(const std::shared_ptr<Plugin>& plugin) SHOJI_EXCLUDES(mutex_);
  Status Load(const std::shared_ptr<Plugin>& plugin);
  Status Verify(Plugin* plugin) SHOJI_EXCLUDES(verifying_);
  Status FillValues(Plugin* plugin) const;
  void FillHost(Plugin* plugin);
  Plugin* NextToShutDown() SHOJI_REQUIRES(mutex_);

  const Config* config_;
  std::shared_ptr<const HostServices> services_;
  std::chrono::nanoseconds open_timeout_;
  TrustPolicy policy_;
  std::vector<std::shared_ptr<Plugin>> plugins_;
  // Held while a plugin is opened, together with those that it asks for meanwhile; one for
  // all, so that two plugins that ask for each other cannot wait for each other.
  std::mutex opening_;
  Mutex mutex_;
  std::vector<Plugin*> open_ SHOJI_GUARDED_BY(mutex_);  // in the order of opening
  Mutex verifying_;
  std::map<Plugin*, Status> verified_ SHOJI_GUARDED_BY(verifying_);
};

}  // namespace shoji

#endif  // SHOJI_CORE_PLUGIN_REGISTRY_H_
