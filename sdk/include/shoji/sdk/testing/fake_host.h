// A host for the unit tests of a plugin.
//
// Purpose  Keeps what the plugin logs, times and fails with; offers further services that a
//          test adds.
// Threads  Safe after the last AddService().
// Life     Must outlive the plugin opened with it.
// Example
//     FakeHost host;
//     FakeError error;
//     EXPECT_EQ(table->open(&plugin, nullptr, &handle, error.raw()), SHOJI_OK) << error.message;
#ifndef SHOJI_SDK_TESTING_FAKE_HOST_H_
#define SHOJI_SDK_TESTING_FAKE_HOST_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "shoji/plugin/base.h"
#include "shoji/plugin/services.h"
#include "shoji/sdk/plugin.h"

namespace shoji::sdk::testing {

// What a plugin put into its caller's shoji_error.
struct FakeError {
  std::int32_t code = SHOJI_OK;
  std::int32_t sys_errno = 0;
  std::string message;
  std::map<std::string, std::string> details;

  shoji_error* raw() { return reinterpret_cast<shoji_error*>(this); }
};

// Collects a result.
class FakeSink {
 public:
  const shoji_sink* raw() const { return &sink_; }
  const std::string& text() const { return text_; }
  FakeSink() = default;
  FakeSink(const FakeSink&) = delete;
  FakeSink& operator=(const FakeSink&) = delete;

 private:
  static std::int32_t Write(void* ctx, const void* data, std::uint64_t size) {
    static_cast<FakeSink*>(ctx)->text_.append(static_cast<const char*>(data),
                                              static_cast<std::size_t>(size));
    return SHOJI_OK;
  }
  std::string text_;
  shoji_sink sink_{sizeof(shoji_sink), 0, this, Write};
};

class FakeHost {
 public:
  FakeHost() {
    AddService(SHOJI_LOG_V1, &log_);
    AddService(SHOJI_TRACE_V1, &trace_);
  }
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;

  const shoji_host* raw() const { return &host_; }
  // `table` lives as long as the host.
  void AddService(const std::string& id, const void* table) { services_[id] = table; }

  std::vector<std::pair<std::int32_t, std::string>> logs() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return logs_;
  }
  std::vector<std::string> spans() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return spans_;
  }

 private:
  static FakeHost* Self(const shoji_host* host) { return static_cast<FakeHost*>(host->ctx); }

  static const void* GetService(const shoji_host* host, const char* id) {
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

  std::map<std::string, const void*> services_;
  mutable std::mutex mutex_;
  std::vector<std::pair<std::int32_t, std::string>> logs_;
  std::vector<std::string> spans_;
  shoji_log_v1 log_{sizeof(shoji_log_v1), 0, LogEnabled, LogWrite};
  shoji_trace_v1 trace_{sizeof(shoji_trace_v1), 0, TraceSpan};
  shoji_host host_{sizeof(shoji_host), SHOJI_ABI_VERSION, SHOJI_ABI_VERSION, 0, this, "test",
                   GetService,         ErrorSet,          ErrorDetail};
};

}  // namespace shoji::sdk::testing

#endif  // SHOJI_SDK_TESTING_FAKE_HOST_H_
