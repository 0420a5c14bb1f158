// A host for the unit tests of a plugin.
//
// Purpose  Offers every service of shoji/plugin/services.h and keeps what the plugin logs, times,
//          counts, starts and fails with. A test takes services away, or adds its own, and
//          gives the plugin other plugins to work with.
// Threads  Safe.
// Life     Must outlive the plugin opened with it. Removes its directories.
// Example
//     FakeHost host;
//     OpenedPlugin plugin(host, shoji_plugin_open_v1);  // linked into the test
//     const auto* table = plugin.Interface<shoji_store_v1>(SHOJI_STORE_V1);
//     FakeError error;
//     EXPECT_EQ(table->open(plugin.self(), nullptr, &handle, error.raw()), SHOJI_OK)
//         << error.message;
#ifndef SHOJI_SDK_TESTING_FAKE_HOST_H_
#define SHOJI_SDK_TESTING_FAKE_HOST_H_

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "shoji/plugin/base.h"
#include "shoji/plugin/services.h"
#include "shoji/sdk/plugin.h"
#include "shoji/sdk/testing/fake_call.h"
#include "shoji/sdk/testing/fake_spawn.h"

// Defined by the plugin that is linked into the test.
extern "C" std::int32_t shoji_plugin_open_v1(const shoji_host* host, shoji_plugin* ret_plugin,
                                             shoji_error* error);

namespace shoji::sdk::testing {

class FakeHost {
 public:
  FakeHost() {
    AddService(SHOJI_LOG_V1, &log_);
    AddService(SHOJI_TRACE_V1, &trace_);
    AddService(SHOJI_DIRS_V1, &dirs_table_);
    AddService(SHOJI_SECRETS_V1, &secrets_table_);
    AddService(SHOJI_METRICS_V1, &metrics_);
    AddService(SHOJI_SPAWN_V1, &spawn_);
    AddService(SHOJI_PLUGINS_V1, &plugins_table_);
  }
  ~FakeHost() {
    std::error_code ignored;
    if (!scratch_.empty()) std::filesystem::remove_all(scratch_, ignored);
  }
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;

  const shoji_host* raw() const { return &host_; }

  // ---- what the plugin finds

  // Replaces what was there. `table` lives as long as the host.
  void AddService(const std::string& id, const void* table) {
    const std::lock_guard<std::mutex> lock(mutex_);
    services_[id] = table;
  }
  // A host that is older, or smaller: get_service() answers NULL.
  void RemoveService(const std::string& id) {
    const std::lock_guard<std::mutex> lock(mutex_);
    services_.erase(id);
  }
  // Before the plugin is opened.
  void SetAbi(std::uint32_t min, std::uint32_t max) {
    host_.abi_min = min;
    host_.abi_max = max;
  }
  // Instead of a directory of its own below /tmp.
  void SetDir(std::int32_t which, const std::string& path) {
    const std::lock_guard<std::mutex> lock(mutex_);
    dirs_[which] = path;
  }
  // What shoji.secrets/1 gives for "file:..." and "env:...".
  void SetSecret(const std::string& reference, const std::string& secret) {
    const std::lock_guard<std::mutex> lock(mutex_);
    secrets_[reference] = secret;
  }
  // What shoji.plugins/1 finds; id empty: the configured one. All pointers are borrowed.
  void AddPlugin(const std::string& kind, const std::string& id, const std::string& interface_id,
                 const void* table, void* plugin = nullptr,
                 const shoji_options* options = nullptr) {
    const std::lock_guard<std::mutex> lock(mutex_);
    plugins_[{kind, id, interface_id}] = {table, plugin, options};
  }

  // ---- what the plugin did

  std::vector<std::pair<std::int32_t, std::string>> logs() const { return Copy(logs_); }
  std::vector<std::string> spans() const { return Copy(spans_); }
  std::map<std::string, std::uint64_t> counters() const { return Copy(counters_); }
  std::map<std::string, std::int64_t> gauges() const { return Copy(gauges_); }
  std::vector<std::pair<std::string, std::uint64_t>> observations() const {
    return Copy(observations_);
  }
  // argv of every process, in order.
  std::vector<std::vector<std::string>> spawned() const { return Copy(spawned_); }
  // References of all secrets that were asked for.
  std::vector<std::string> secrets_read() const { return Copy(secrets_read_); }

 private:
  struct PluginKey {
    std::string kind, id, interface_id;
    auto operator<=>(const PluginKey&) const = default;
  };
  struct PluginEntry {
    const void* table;
    void* plugin;
    const shoji_options* options;
  };

  static FakeHost* Self(const shoji_host* host) { return static_cast<FakeHost*>(host->ctx); }
  template <typename T>
  T Copy(const T& value) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return value;
  }

  static const void* GetService(const shoji_host* host, const char* id) {
    const std::lock_guard<std::mutex> lock(Self(host)->mutex_);
    const auto it = Self(host)->services_.find(id);
    return it == Self(host)->services_.end() ? nullptr : it->second;
  }
  static void ErrorSet(shoji_error* err, std::int32_t code, std::int32_t sys_errno,
                       shoji_str message) {
    if (err == nullptr) return;
    auto* error = reinterpret_cast<FakeError*>(err);
    *error = FakeError{code, sys_errno, String(message), {}};
  }
  static void ErrorDetail(shoji_error* err, shoji_str name, shoji_str value) {
    if (err == nullptr) return;
    reinterpret_cast<FakeError*>(err)->details[String(name)] = String(value);
  }

  static std::int32_t LogEnabled(const shoji_host*, std::int32_t) { return 1; }
  static void LogWrite(const shoji_host* host, std::int32_t level, shoji_str message,
                       const shoji_option*, std::uint32_t) {
    const std::lock_guard<std::mutex> lock(Self(host)->mutex_);
    Self(host)->logs_.emplace_back(level, String(message));
  }
  static void TraceSpan(const shoji_host* host, shoji_str, shoji_str name, std::int64_t,
                        std::int64_t) {
    const std::lock_guard<std::mutex> lock(Self(host)->mutex_);
    Self(host)->spans_.push_back(String(name));
  }
  static void Count(const shoji_host* host, shoji_str name, std::uint64_t delta) {
    const std::lock_guard<std::mutex> lock(Self(host)->mutex_);
    Self(host)->counters_[String(name)] += delta;
  }
  static void Gauge(const shoji_host* host, shoji_str name, std::int64_t value) {
    const std::lock_guard<std::mutex> lock(Self(host)->mutex_);
    Self(host)->gauges_[String(name)] = value;
  }
  static void Observe(const shoji_host* host, shoji_str name, std::uint64_t value) {
    const std::lock_guard<std::mutex> lock(Self(host)->mutex_);
    Self(host)->observations_.emplace_back(String(name), value);
  }

  // A failure as the real host tells it.
  static std::int32_t Tell(shoji_error* err, const Status& status) {
    if (status.ok()) return SHOJI_OK;
    const auto code = static_cast<std::int32_t>(status.code());
    ErrorSet(err, code, status.sys_errno(), ToStr(status.message()));
    return code;
  }

  Result<std::string> DirOf(std::int32_t which) {
    static constexpr const char* kNames[] = {"run", "state", "cache", "libexec"};
    const std::lock_guard<std::mutex> lock(mutex_);
    if (which < SHOJI_DIR_RUN || which > SHOJI_DIR_LIBEXEC) {
      return InvalidArgument("there is no directory number " + std::to_string(which));
    }
    if (const auto it = dirs_.find(which); it != dirs_.end()) return it->second;
    if (scratch_.empty()) {
      char name[] = "/tmp/fake-host-XXXXXX";
      if (mkdtemp(name) == nullptr) return Internal("cannot make a directory below /tmp");
      scratch_ = name;
    }
    const std::string path = scratch_ + "/" + kNames[which];
    std::filesystem::create_directories(path);
    return dirs_[which] = path;
  }
  static std::int32_t DirPath(const shoji_host* host, std::int32_t which, const shoji_sink* ret,
                              shoji_error* err) {
    const Result<std::string> path = Self(host)->DirOf(which);
    return Tell(err, path.ok() ? Put(ret, *path) : path.status());
  }

  Result<std::string> SecretOf(const std::string& reference) {
    const std::lock_guard<std::mutex> lock(mutex_);
    secrets_read_.push_back(reference);
    if (const auto it = secrets_.find(reference); it != secrets_.end()) return it->second;
    if (reference.starts_with("file:") || reference.starts_with("env:")) {
      return NotFound("there is no secret \"" + reference + "\"");
    }
    return reference.substr(reference.starts_with("text:") ? 5 : 0);
  }
  static std::int32_t ReadSecret(const shoji_host* host, shoji_str reference, const shoji_sink* ret,
                                 shoji_error* err) {
    const Result<std::string> secret = Self(host)->SecretOf(String(reference));
    return Tell(err, secret.ok() ? Put(ret, *secret) : secret.status());
  }

  static std::int32_t SpawnProcess(const shoji_host* host, const shoji_spawn_args* args,
                                   std::int32_t* ret_pid, std::int32_t* ret_pidfd,
                                   shoji_error* err) {
    std::vector<std::string> argv;
    for (std::uint32_t i = 0; i < args->argc; ++i) argv.push_back(String(args->argv[i]));
    const Status status = ForkAndExec(*args, ret_pid, ret_pidfd);
    const std::lock_guard<std::mutex> lock(Self(host)->mutex_);
    if (status.ok()) Self(host)->spawned_.push_back(std::move(argv));
    return Tell(err, status);
  }

  static std::int32_t FindOther(const shoji_host* host, shoji_str kind, shoji_str plugin_id,
                                const char* interface_id, const void** ret_table, void** ret_plugin,
                                const shoji_options** ret_options, shoji_error* err) {
    const std::lock_guard<std::mutex> lock(Self(host)->mutex_);
    const auto it =
        Self(host)->plugins_.find({String(kind), String(plugin_id), std::string(interface_id)});
    if (it == Self(host)->plugins_.end()) {
      return Tell(err, NotFound("there is no " + String(kind) + " plugin \"" + String(plugin_id) +
                                "\" with " + interface_id));
    }
    *ret_table = it->second.table;
    *ret_plugin = it->second.plugin;
    *ret_options = it->second.options;
    return SHOJI_OK;
  }

  static std::int32_t ErrorText(const shoji_host*, const shoji_error* err, const shoji_sink* ret) {
    if (err == nullptr) return SHOJI_OK;
    return Tell(nullptr, Put(ret, reinterpret_cast<const FakeError*>(err)->message));
  }

  mutable std::mutex mutex_;
  std::map<std::string, const void*> services_;
  std::map<std::int32_t, std::string> dirs_;
  std::string scratch_;
  std::map<std::string, std::string> secrets_;
  std::vector<std::string> secrets_read_;
  std::map<PluginKey, PluginEntry> plugins_;
  std::vector<std::pair<std::int32_t, std::string>> logs_;
  std::vector<std::string> spans_;
  std::map<std::string, std::uint64_t> counters_;
  std::map<std::string, std::int64_t> gauges_;
  std::vector<std::pair<std::string, std::uint64_t>> observations_;
  std::vector<std::vector<std::string>> spawned_;

  const shoji_log_v1 log_{sizeof(shoji_log_v1), 0, LogEnabled, LogWrite};
  const shoji_trace_v1 trace_{sizeof(shoji_trace_v1), 0, TraceSpan};
  const shoji_dirs_v1 dirs_table_{sizeof(shoji_dirs_v1), 0, DirPath};
  const shoji_secrets_v1 secrets_table_{sizeof(shoji_secrets_v1), 0, ReadSecret};
  const shoji_metrics_v1 metrics_{sizeof(shoji_metrics_v1), 0, Count, Gauge, Observe};
  const shoji_spawn_v1 spawn_{sizeof(shoji_spawn_v1), 0, SpawnProcess};
  const shoji_plugins_v1 plugins_table_{sizeof(shoji_plugins_v1), 0, FindOther, ErrorText};
  shoji_host host_{sizeof(shoji_host), SHOJI_ABI_VERSION, SHOJI_ABI_VERSION, 0, this, "test",
                   GetService,         ErrorSet,          ErrorDetail};
};

// A plugin from its entry function to shutdown().
class OpenedPlugin {
 public:
  OpenedPlugin(const FakeHost& host, shoji_plugin_open_fn open)
      : code_(open(host.raw(), &plugin_, error_.raw())) {}
  ~OpenedPlugin() {
    if (code_ == SHOJI_OK && plugin_.shutdown != nullptr) plugin_.shutdown(plugin_.self);
  }
  OpenedPlugin(const OpenedPlugin&) = delete;
  OpenedPlugin& operator=(const OpenedPlugin&) = delete;

  std::int32_t code() const { return code_; }
  const FakeError& error() const { return error_; }
  // The `plugin` argument of the tables' open().
  void* self() const { return plugin_.self; }
  // Null when the plugin does not offer it, or was not opened.
  template <typename Table>
  const Table* Interface(const char* id) const {
    if (code_ != SHOJI_OK || plugin_.get_interface == nullptr) return nullptr;
    return static_cast<const Table*>(plugin_.get_interface(plugin_.self, id));
  }

 private:
  FakeError error_;
  shoji_plugin plugin_{sizeof(shoji_plugin), 0, nullptr, nullptr, nullptr};
  std::int32_t code_;
};

}  // namespace shoji::sdk::testing

#endif  // SHOJI_SDK_TESTING_FAKE_HOST_H_
