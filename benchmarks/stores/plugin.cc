// A store plugin behind its C table.
#include <dlfcn.h>

#include <vector>

#include "shoji/plugin/store.h"
#include "shoji/sdk/testing/fake_host.h"
#include "subject.h"

namespace shoji::benchmark_stores {
namespace {

using sdk::ToStr;
using sdk::testing::FakeError;
using sdk::testing::FakeHost;

Status ToStatus(std::int32_t code, const FakeError& error) {
  if (code == SHOJI_OK) return OkStatus();
  return {static_cast<StatusCode>(code), error.message};
}

// Like the host's: straight into the string that the caller gets.
std::int32_t Append(void* ctx, const void* data, std::uint64_t size) noexcept {
  static_cast<std::string*>(ctx)->append(static_cast<const char*>(data),
                                         static_cast<std::size_t>(size));
  return SHOJI_OK;
}

class Plugin : public Subject {
 public:
  ~Plugin() override {
    if (store_ != nullptr) table_->close(store_);
    if (plugin_.shutdown != nullptr) plugin_.shutdown(plugin_.self);
  }

  Status Open(const std::string& path, const std::map<std::string, std::string>& options) {
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return FailedPrecondition(dlerror());
    const auto open =
        reinterpret_cast<shoji_plugin_open_fn>(dlsym(library, SHOJI_PLUGIN_OPEN_SYMBOL));
    if (open == nullptr) return FailedPrecondition(path + " is no plugin");
    plugin_.struct_size = sizeof(plugin_);
    FakeError error;
    SHOJI_RETURN_IF_ERROR(ToStatus(open(host_.raw(), &plugin_, error.raw()), error));
    table_ =
        static_cast<const shoji_store_v1*>(plugin_.get_interface(plugin_.self, SHOJI_STORE_V1));
    std::vector<shoji_option> items;
    for (const auto& [name, value] : options) items.push_back({ToStr(name), ToStr(value)});
    const shoji_options all{sizeof(shoji_options), static_cast<std::uint32_t>(items.size()),
                            items.data()};
    return ToStatus(table_->open(plugin_.self, &all, &store_, error.raw()), error);
  }

  Status Save(const std::string& key, const std::string& value) override {
    FakeError error;
    return ToStatus(table_->save(store_, nullptr, ToStr(key), ToStr(value), error.raw()), error);
  }
  Result<std::string> Load(const std::string& key) override {
    FakeError error;
    std::string value;
    const shoji_sink sink = {sizeof(shoji_sink), 0, &value, Append};
    SHOJI_RETURN_IF_ERROR(
        ToStatus(table_->load(store_, nullptr, ToStr(key), &sink, error.raw()), error));
    return value;
  }

 private:
  FakeHost host_;
  shoji_plugin plugin_{};
  const shoji_store_v1* table_ = nullptr;
  shoji_store* store_ = nullptr;
};

}  // namespace

Opened OpenPlugin(const std::string& path, const std::map<std::string, std::string>& options) {
  auto plugin = std::make_unique<Plugin>();
  SHOJI_RETURN_IF_ERROR(plugin->Open(path, options));
  return std::unique_ptr<Subject>(std::move(plugin));
}

}  // namespace shoji::benchmark_stores
