// What every wrapper of this folder needs to call a slot.
//
// Threads  Values and pure functions.
// Example
//     if (!SHOJI_HAS_SLOT(shoji_store_v1, table_, save)) return NoSlot(name_, "save");
//     const CallArg arg(call);
//     PluginError error;
//     return error.ToStatus(name_, "save", table_->save(handle_, arg.get(), ...));
#ifndef SHOJI_CORE_PLUGIN_SLOTS_H_
#define SHOJI_CORE_PLUGIN_SLOTS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/call.h"
#include "plugin/error.h"
#include "shoji/plugin/base.h"
#include "shoji/status.h"

namespace shoji {

inline shoji_str ToStr(std::string_view text) { return {text.data(), text.size()}; }

// The views stay valid as long as `texts`.
inline std::vector<shoji_str> ToStrs(const std::vector<std::string>& texts) {
  std::vector<shoji_str> out;
  out.reserve(texts.size());
  for (const std::string& text : texts) out.push_back(ToStr(text));
  return out;
}

inline std::uint32_t Count(std::size_t size) { return static_cast<std::uint32_t>(size); }

// A Call in the ABI's form.
class CallArg {
 public:
  explicit CallArg(const Call& call) {
    call_.struct_size = sizeof(shoji_call);
    call_.cancel_fd = call.cancel_fd;
    call_.deadline_ns = call.deadline.nanos();
  }
  const shoji_call* get() const { return &call_; }

 private:
  shoji_call call_{};
};

// Collects a result; refuses more than `max_bytes` with RESOURCE_EXHAUSTED.
class TextSink {
 public:
  explicit TextSink(std::size_t max_bytes) : max_bytes_(max_bytes) {
    sink_.struct_size = sizeof(shoji_sink);
    sink_.ctx = this;
    sink_.write = Write;
  }
  TextSink(const TextSink&) = delete;
  TextSink& operator=(const TextSink&) = delete;

  const shoji_sink* get() const { return &sink_; }
  std::string Take() { return std::move(text_); }
  const std::string& text() const { return text_; }

 private:
  static std::int32_t Write(void* ctx, const void* data, std::uint64_t size) noexcept {
    auto* self = static_cast<TextSink*>(ctx);
    if (size > self->max_bytes_ - self->text_.size()) return SHOJI_RESOURCE_EXHAUSTED;
    self->text_.append(static_cast<const char*>(data), static_cast<std::size_t>(size));
    return SHOJI_OK;
  }

  std::size_t max_bytes_;
  std::string text_;
  shoji_sink sink_{};
};

constexpr std::size_t kMaxText = 4U << 20U;  // reports and URLs; states have limits of their own

inline Status NoSlot(const std::string& plugin, std::string_view call) {
  return Unimplemented("plugin " + plugin + " does not offer the call " + std::string(call));
}
inline Status NoHandle(const std::string& plugin, std::string_view call) {
  return FailedPrecondition("plugin " + plugin + ": call " + std::string(call) +
                            " after the handle was given up");
}
inline Status NullResult(const std::string& plugin, std::string_view call) {
  return Internal("plugin " + plugin + ": call " + std::string(call) +
                  " succeeded without giving a handle");
}

}  // namespace shoji

#endif  // SHOJI_CORE_PLUGIN_SLOTS_H_
