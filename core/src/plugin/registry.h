// The plugins of one host: opened on demand, once, and shut down in a sound order.
//
// Purpose  The shared heart of PluginHost and of the services that plugins call.
// Threads  Safe. Opening takes turns; a plugin that is open is found without waiting for
//          others that are being opened.
// Life     Plugins get pointers into it: it must not move, and must outlive all handles.
// Example  SHOJI_ASSIGN_OR_RETURN(Plugin* p, registry.Open("store", "kv", nullptr));
#ifndef SHOJI_CORE_PLUGIN_REGISTRY_H_
#define SHOJI_CORE_PLUGIN_REGISTRY_H_

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "plugin/library.h"
#include "plugin/plugin_scan.h"
#include "shoji/base/thread_annotations.h"
#include "shoji/plugin/base.h"
#include "shoji/runtime.h"
#include "shoji/status.h"
#include "shoji/types.h"

namespace shoji {

class Config;
class Registry;

// One plugin file and, once it is open, what it gave us.
struct Plugin {
  Registry* registry = nullptr;
  ScannedPlugin scanned;
  std::string name;  // "store filesystem"

  enum class State { kClosed, kOpening, kOpen, kFailed };
  std::atomic<State> state = State::kClosed;
  Status failure;  // of kFailed

  // What the plugin sees; constant once it is open.
  shoji_host host{};
  std::vector<std::pair<std::string, std::string>> values;
  std::vector<shoji_option> items;
  shoji_options options{};

  Library library;
  shoji_plugin table{};
  std::set<Plugin*> uses;  // found through shoji.plugins/1; guarded by the registry
};

class Registry {
 public:
  struct Options {
    const Config* config = nullptr;
    std::function<void(LogLevel, const std::string&)> log;
    std::function<bool(LogLevel)> log_enabled;
    std::function<void(const Span&)> on_span;
    std::string run_dir;
    std::string state_dir;
    std::string cache_dir;
    std::string libexec_dir;
  };
  Registry(std::vector<ScannedPlugin> scanned, Options options);
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  const Options& options() const { return options_; }
  std::vector<PluginInfo> List();

  // The plugin, opened; `id` empty: the configured one. `user`, if any, is the plugin that
  // asks: it is shut down first. See PluginHost for the errors.
  Result<Plugin*> Open(const std::string& kind, const std::string& id, Plugin* user);

  // The table of `interface_id`; INTERNAL when the plugin announces but does not give it.
  static Result<const void*> Interface(const Plugin& plugin, const std::string& interface_id);

 private:
  Result<Plugin*> Find(const std::string& kind, const std::string& id) const;
  Status OpenOnce(Plugin* plugin) SHOJI_EXCLUDES(mutex_);
  Status Load(Plugin* plugin);
  Status FillValues(Plugin* plugin) const;
  void FillHost(Plugin* plugin);
  Plugin* NextToShutDown() SHOJI_REQUIRES(mutex_);

  Options options_;
  std::vector<std::unique_ptr<Plugin>> plugins_;
  // Held while a plugin is opened. Recursive, for open() may find other plugins; one for
  // all, so that two plugins that find each other cannot wait for each other.
  std::recursive_mutex opening_;
  Mutex mutex_;
  std::vector<Plugin*> open_ SHOJI_GUARDED_BY(mutex_);  // in the order of opening
};

// services.cc: the tables behind shoji_host.get_service.
const void* FindService(const shoji_host* host, const char* id);

}  // namespace shoji

#endif  // SHOJI_CORE_PLUGIN_REGISTRY_H_
