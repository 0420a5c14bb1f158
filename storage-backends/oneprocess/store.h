// The calls of a store over a SharedEngine.
//
// Purpose  A plugin gives the opener of its engine; the rest is here.
// Threads  Safe.
// Options  `path` (empty: <state directory>/<engine>), `lock_timeout`.
// Example
//     class LevelDbStore : public oneprocess::Store {
//      public:
//       static Result<std::unique_ptr<LevelDbStore>> Open(const sdk::Host&, const sdk::OptionMap&);
#ifndef SHOJI_ONEPROCESS_STORE_H_
#define SHOJI_ONEPROCESS_STORE_H_

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared_engine.h"

namespace shoji::oneprocess {

struct StoreSettings {
  std::string path;
  std::chrono::nanoseconds lock_timeout = std::chrono::seconds(10);
  EngineOpener opener;
};

// `path` and `lock_timeout`, without the opener.
Result<StoreSettings> SettingsOf(const sdk::Host& host, const sdk::OptionMap& options,
                                 std::string_view engine);

class Store {
 public:
  Status Save(const shoji_call* call, std::string_view key, std::string_view value);
  Status LoadInto(const shoji_call* call, std::string_view key, const shoji_sink* sink);
  Result<std::string> Load(const shoji_call* call, std::string_view key) {
    return sdk::LoadString(this, call, key);
  }
  Status Remove(const shoji_call* call, std::string_view key);
  // All keys at once, not one by one: a visitor that takes its time would keep others out.
  Result<std::vector<std::string>> Scan(const shoji_call* call, std::string_view prefix);
  Status Apply(const shoji_call* call, const std::vector<sdk::StoreOp>& ops);

 protected:
  Store(std::shared_ptr<SharedEngine> shared, StoreSettings settings)
      : shared_(std::move(shared)), settings_(std::move(settings)) {}

 private:
  // `work` is a callable that takes an Engine& and returns a Status.
  template <typename Work>
  Status With(Access access, const shoji_call* call, Work work);

  std::shared_ptr<SharedEngine> shared_;
  StoreSettings settings_;
};

}  // namespace shoji::oneprocess

#endif  // SHOJI_ONEPROCESS_STORE_H_
