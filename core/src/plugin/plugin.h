// One plugin: what is known of it and, once it is open, what it gave us.
//
// Threads  As said of each member.
// Life     Shared by the registry and by the thread that opens it. A plugin that hangs there
//          keeps that thread, and with it this object, beyond the end of the registry.
// Example  if (Gate::Pass pass(plugin->gate); pass.open()) plugin->registry->...
#ifndef SHOJI_CORE_PLUGIN_PLUGIN_H_
#define SHOJI_CORE_PLUGIN_PLUGIN_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>
#include <utility>
#include <vector>

#include "plugin/host_services.h"
#include "plugin/library.h"
#include "plugin/metrics.h"
#include "plugin/plugin_scan.h"
#include "shoji/base/thread_annotations.h"
#include "shoji/plugin/base.h"
#include "shoji/status.h"

namespace shoji {

class Registry;

// The way of a plugin's calls into the host. Once closed nobody passes, and nobody is inside.
class Gate {
 public:
  void Close() {
    const std::unique_lock<std::shared_mutex> lock(mutex_);
    open_ = false;
  }
  class Pass {
   public:
    explicit Pass(Gate& gate) : lock_(gate.mutex_), open_(gate.open_) {}
    bool open() const { return open_; }

   private:
    std::shared_lock<std::shared_mutex> lock_;
    bool open_;
  };

 private:
  std::shared_mutex mutex_;
  bool open_ = true;
};

// How the opening of a plugin goes on, between its thread and those who wait.
struct Opening {
  Mutex mutex;
  std::condition_variable_any changed;
  std::optional<Status> result SHOJI_GUARDED_BY(mutex);
  bool given_up SHOJI_GUARDED_BY(mutex) = false;
  // Others that are being opened because this one asked for them: they have limits of their
  // own, and this one's begins anew when they are done.
  int nested SHOJI_GUARDED_BY(mutex) = 0;
  std::int64_t deadline_ns SHOJI_GUARDED_BY(mutex) = 0;
};

struct Plugin {
  Registry* registry = nullptr;                  // to be used inside the gate only
  std::shared_ptr<const HostServices> services;  // its functions as well
  Gate gate;
  ScannedPlugin scanned;
  std::string name;   // "store filesystem"
  std::string where;  // the path of its file, or "in process"
  MetricSet metrics;
  Opening opening;

  enum class State { kClosed, kOpening, kOpen, kFailed };
  std::atomic<State> state = State::kClosed;
  Status failure;  // of kFailed; constant then

  // What the plugin sees; constant once it is opened.
  shoji_host host{};
  std::vector<std::pair<std::string, std::string>> values;
  std::vector<shoji_option> items;
  shoji_options options{};

  Library library;
  shoji_plugin table{};
  std::set<Plugin*> uses;  // found through shoji.plugins/1; guarded by the registry
};

}  // namespace shoji

#endif  // SHOJI_CORE_PLUGIN_PLUGIN_H_
