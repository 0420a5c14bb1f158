// For plugin authors: errors, host services and the entry function in C++.
//
// Purpose  Everything a plugin needs besides the base class of its kind (shoji/sdk/store.h,
//          shoji/sdk/hypervisor.h, ...). Header-only: it compiles into the plugin.
// Threads  Host is safe from any thread; PluginMain is used by the entry function only.
// Example
//     SHOJI_PLUGIN_NOTE(SHOJI_NOTE_PLUGIN("store", "com.example.kv", "1.0.0", "Example", "MIT")
//                       SHOJI_NOTE_ABI("1", "1") SHOJI_NOTE_INTERFACE("shoji.store/1", "0"));
//     SHOJI_SDK_PLUGIN([](shoji::sdk::Interfaces& i) {
//       i.Add(SHOJI_STORE_V1, shoji::sdk::StoreTable<KvStore>());
//     });
// No exception leaves a trampoline: it becomes an INTERNAL error with its text.
#ifndef SHOJI_SDK_PLUGIN_H_
#define SHOJI_SDK_PLUGIN_H_

#include <algorithm>
#include <chrono>
#include <cstring>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shoji/plugin/base.h"
#include "shoji/plugin/note.h"
#include "shoji/plugin/services.h"
#include "shoji/status.h"

namespace shoji::sdk {

inline shoji_str ToStr(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view View(shoji_str text) {
  return text.data == nullptr ? std::string_view()
                              : std::string_view(text.data, static_cast<std::size_t>(text.size));
}
inline std::string String(shoji_str text) { return std::string(View(text)); }

// Writes a result to the caller's sink; its refusal comes back as a Status.
inline Status Put(const shoji_sink* sink, std::string_view data) {
  const std::int32_t code = sink->write(sink->ctx, data.data(), data.size());
  if (code == SHOJI_OK) return OkStatus();
  return {static_cast<StatusCode>(code), "the caller's sink refused the result"};
}

// The message as one line: control characters (a key may hold any) become "\\x0a".
inline std::string OneLine(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      out += c;
    } else {
      out += {'\\', 'x', kHex[byte >> 4U], kHex[byte & 15U]};
    }
  }
  return out;
}

// The caller's shoji_call as far as its struct_size covers it; the rest says "none".
class CallView {
 public:
  explicit CallView(const shoji_call* call) {
    if (SHOJI_HAS(shoji_call, call, cancel_fd)) call_.cancel_fd = call->cancel_fd;
    if (SHOJI_HAS(shoji_call, call, deadline_ns)) call_.deadline_ns = call->deadline_ns;
    if (SHOJI_HAS(shoji_call, call, traceparent)) call_.traceparent = call->traceparent;
  }
  const shoji_call* get() const { return &call_; }
  // DEADLINE_EXCEEDED when there is no time left to begin.
  Status CheckDeadline() const {
    if (call_.deadline_ns == 0) return OkStatus();
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    if (std::chrono::nanoseconds(now).count() < call_.deadline_ns) return OkStatus();
    return DeadlineExceeded("the deadline of the call had passed before it began");
  }

 private:
  shoji_call call_{sizeof(shoji_call), -1, 0, {nullptr, 0}};
};

// The option values the host passed to open().
class OptionMap {
 public:
  explicit OptionMap(const shoji_options* options) {
    for (std::uint32_t i = 0; options != nullptr && i < options->count; ++i) {
      values_[String(options->items[i].name)] = String(options->items[i].value);
    }
  }
  // Empty when it was not declared.
  std::string Get(const std::string& name) const {
    const auto it = values_.find(name);
    return it == values_.end() ? std::string() : it->second;
  }
  bool GetBool(const std::string& name) const { return Get(name) == "true"; }
  std::uint64_t GetNumber(const std::string& name) const {
    const std::string text = Get(name);
    return text.empty() ? 0 : std::stoull(text);
  }
  std::vector<std::string> GetList(const std::string& name) const {
    std::vector<std::string> out;
    const std::string text = Get(name);
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      out.push_back(text.substr(at, end - at));
      at = end + 1;
    }
    return out;
  }

 private:
  std::map<std::string, std::string> values_;
};

namespace internal {

// What a plugin keeps between open() and shutdown(), by type. Safe from any thread.
class PluginState {
 public:
  template <typename S>
  S& Get() {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::shared_ptr<void>& state = states_[&Tag<S>::kTag];
    if (state == nullptr) state = std::make_shared<S>();
    return *static_cast<S*>(state.get());
  }

 private:
  template <typename S>
  struct Tag {
    static constexpr char kTag = 0;
  };
  std::mutex mutex_;
  std::map<const void*, std::shared_ptr<void>> states_;
};

}  // namespace internal

// The host, as one object for the life of the plugin.
class Host {
 public:
  explicit Host(const shoji_host* host)
      : host_(host), state_(std::make_shared<internal::PluginState>()) {}
  const shoji_host* raw() const { return host_; }

  // What all instances of the plugin share: made when first asked for, gone with shutdown().
  template <typename S>
  S& State() const {
    return state_->Get<S>();
  }

  template <typename Table>
  const Table* Service(const char* id) const {
    return static_cast<const Table*>(host_->get_service(host_, id));
  }

  void Log(std::int32_t level, std::string_view message) const {
    const auto* log = Service<shoji_log_v1>(SHOJI_LOG_V1);
    if (SHOJI_HAS_SLOT(shoji_log_v1, log, write)) {
      log->write(host_, level, ToStr(message), nullptr, 0);
    }
  }
  void Span(std::string_view name, std::int64_t begin_ns, std::int64_t end_ns) const {
    const auto* trace = Service<shoji_trace_v1>(SHOJI_TRACE_V1);
    if (SHOJI_HAS_SLOT(shoji_trace_v1, trace, span)) {
      trace->span(host_, {nullptr, 0}, ToStr(name), begin_ns, end_ns);
    }
  }
  // Fills the caller's error and gives the code to return.
  std::int32_t Fail(shoji_error* error, const Status& status) const {
    if (status.ok()) return SHOJI_OK;
    const auto code = static_cast<std::int32_t>(status.code());
    host_->error_set(error, code, status.sys_errno(), ToStr(OneLine(status.message())));
    for (const auto& [name, value] : status.details()) {
      host_->error_detail(error, ToStr(name), ToStr(value));
    }
    return code;
  }
  // Runs `body` (a callable that returns Status) so that no exception gets out.
  template <typename Body>
  std::int32_t Guard(shoji_error* error, Body&& body) const noexcept {
    try {
      return Fail(error, std::forward<Body>(body)());
    } catch (const std::exception& e) {
      return Fail(error, Internal(std::string("exception in the plugin: ") + e.what()));
    } catch (...) {
      return Fail(error, Internal("exception of unknown type in the plugin"));
    }
  }

 private:
  const shoji_host* host_;
  std::shared_ptr<internal::PluginState> state_;
};

// What the plugin answers to get_interface(); filled once by the entry function.
class Interfaces {
 public:
  explicit Interfaces(const shoji_host* host) : host_(host) {}
  const Host& host() const { return host_; }
  // `table` has static storage.
  void Add(const char* id, const void* table) { tables_[id] = table; }
  const void* Find(const char* id) const {
    const auto it = tables_.find(id);
    return it == tables_.end() ? nullptr : it->second;
  }

 private:
  Host host_;
  std::map<std::string, const void*, std::less<>> tables_;
};

// The `plugin` argument of every open() made with this SDK is the Interfaces object.
inline const Host& HostOf(void* plugin) { return static_cast<Interfaces*>(plugin)->host(); }

namespace internal {

inline const void* Find(void* self, const char* id) noexcept {
  return static_cast<Interfaces*>(self)->Find(id);
}
inline void Shutdown(void* self) noexcept { delete static_cast<Interfaces*>(self); }

inline std::int32_t Open(const shoji_host* host, shoji_plugin* ret_plugin, shoji_error* error,
                         void (*setup)(Interfaces&)) noexcept {
  const Host wrapped(host);
  return wrapped.Guard(error, [&]() -> Status {
    if (SHOJI_ABI_VERSION < host->abi_min || SHOJI_ABI_VERSION > host->abi_max) {
      return FailedPrecondition("the plugin speaks ABI " + std::to_string(SHOJI_ABI_VERSION) +
                                ", the host " + std::to_string(host->abi_min) + " to " +
                                std::to_string(host->abi_max) +
                                "; install a build of the plugin for this host");
    }
    auto interfaces = std::make_unique<Interfaces>(host);
    setup(*interfaces);
    ret_plugin->self = interfaces.release();
    ret_plugin->get_interface = Find;
    ret_plugin->shutdown = Shutdown;
    return OkStatus();
  });
}

}  // namespace internal
}  // namespace shoji::sdk

// Defines the entry function. `setup` is a captureless lambda over Interfaces&.
#define SHOJI_SDK_PLUGIN(setup)                                               \
  extern "C" SHOJI_EXPORT std::int32_t shoji_plugin_open_v1(                  \
      const shoji_host* host, shoji_plugin* ret_plugin, shoji_error* error) { \
    return ::shoji::sdk::internal::Open(host, ret_plugin, error, setup);      \
  }                                                                           \
  static_assert(true, "needs a semicolon")

#endif  // SHOJI_SDK_PLUGIN_H_
