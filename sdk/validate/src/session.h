// A plugin, loaded and opened by a host of the kit.
//
// Threads  Like the plugin: the tables may be used from any thread, the object itself from one.
// Example
//     KIT_ASSIGN(const auto session, Session::Open(target));
//     const auto* table = session->Find<shoji_store_v1>(SHOJI_STORE_V1);
#ifndef SHOJI_VALIDATE_SESSION_H_
#define SHOJI_VALIDATE_SESSION_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "kit_host.h"
#include "shoji/plugin/base.h"
#include "shoji/status.h"

namespace shoji::validate {

// The function shoji_plugin_open_v1() of a plugin.
struct PluginEntry {
  shoji_plugin_open_fn open;
  std::int32_t operator()(const shoji_host* host, shoji_plugin* plugin, shoji_error* error) const {
    return open(host, plugin, error);
  }
};

// Loads with RTLD_NOW | RTLD_LOCAL; the object stays loaded. NOT_FOUND: no such function.
Result<PluginEntry> LoadEntry(const std::string& path);

// Option values as a host passes them: those given by the user, the defaults of the note, and
// for an option "path" of a store a place in the scratch directory.
class OptionValues {
 public:
  // INVALID_ARGUMENT: an option is required and not given, unknown, or its value is wrong.
  // `secret`, if not empty, is the value of every option that is flagged secret.
  static Result<std::unique_ptr<OptionValues>> For(const Target& target,
                                                   const std::string& secret = {});
  OptionValues(const OptionValues&) = delete;
  OptionValues& operator=(const OptionValues&) = delete;
  const shoji_options* raw() const { return &raw_; }

 private:
  explicit OptionValues(std::vector<std::pair<std::string, std::string>> values);
  std::vector<std::pair<std::string, std::string>> values_;
  std::vector<shoji_option> items_;
  shoji_options raw_{};
};

class Session {
 public:
  static Result<std::unique_ptr<Session>> Open(const Target& target, KitHost::Options host = {},
                                               const std::string& secret = {});
  ~Session() { Shutdown(); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void Shutdown();

  const KitHost& host() const { return host_; }
  void* self() const { return plugin_.self; }
  const shoji_options* options() const { return options_->raw(); }
  const Target& target() const { return target_; }

  const void* FindRaw(const std::string& id) const {
    return plugin_.get_interface(plugin_.self, id.c_str());
  }
  template <typename Table>
  const Table* Find(const char* id) const {
    return static_cast<const Table*>(FindRaw(id));
  }

 private:
  Session(const Target& target, KitHost::Options host, std::unique_ptr<OptionValues> options)
      : target_(target), host_(std::move(host)), options_(std::move(options)) {}

  const Target& target_;
  KitHost host_;
  std::unique_ptr<OptionValues> options_;
  shoji_plugin plugin_{sizeof(shoji_plugin), 0, nullptr, nullptr, nullptr};
  // One check tells who writes behind shoji_plugin, not all.
  [[maybe_unused]] unsigned char margin_[256]{};
  bool open_ = false;
};

// Collects a result.
class KitSink {
 public:
  KitSink() = default;
  KitSink(const KitSink&) = delete;
  KitSink& operator=(const KitSink&) = delete;
  const shoji_sink* raw() const { return &sink_; }
  const std::string& text() const { return text_; }

 private:
  static std::int32_t Write(void* ctx, const void* data, std::uint64_t size);
  std::string text_;
  shoji_sink sink_{sizeof(shoji_sink), 0, this, Write};
};

}  // namespace shoji::validate

#endif  // SHOJI_VALIDATE_SESSION_H_
