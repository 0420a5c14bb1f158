// A store of the subject in a directory, opened through its table as a host does.
//
// Threads  A Plugin belongs to one thread; a handle of it is as safe as the table.
// Example
//     Plugin plugin(subject, dir.path());
//     OpenStore store(plugin);
//     ASSERT_TRUE(store.ok()) << store.error();
#ifndef SHOJI_STORE_TESTING_PLACE_H_
#define SHOJI_STORE_TESTING_PLACE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shoji/sdk/plugin.h"
#include "shoji/sdk/testing/fake_host.h"
#include "shoji/status.h"
#include "store_suite.h"

namespace shoji::store_testing {

// A directory of its own below /dev/shm or /tmp, removed at the end.
class TempDir {
 public:
  TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The plugin as loaded, with the options of a store in `dir`.
class Plugin {
 public:
  Plugin(const Subject& subject, const std::string& dir);
  Plugin(const Plugin&) = delete;
  Plugin& operator=(const Plugin&) = delete;

  const shoji_store_v1* table() const { return table_; }
  void* self() { return &interfaces_; }
  const shoji_options* options() const { return &options_; }

 private:
  const shoji_store_v1* table_;
  sdk::testing::FakeHost host_;
  sdk::Interfaces interfaces_{host_.raw()};
  Options texts_;
  std::vector<shoji_option> items_;
  shoji_options options_{};
};

struct SetOrRemove {
  bool remove = false;
  std::string key;
  std::string value;
};

// A handle, with Status and Result.
class OpenStore {
 public:
  explicit OpenStore(Plugin& plugin);
  OpenStore(const OpenStore&) = delete;
  OpenStore& operator=(const OpenStore&) = delete;
  ~OpenStore();

  bool ok() const { return handle_ != nullptr; }
  const Status& open_status() const { return opened_; }
  // REQUIRES: ok().
  Status Save(std::string_view key, std::string_view value);
  Result<std::string> Load(std::string_view key);
  Status Remove(std::string_view key);
  bool CanScan() const { return Extension(SHOJI_STORE_SCAN_V1) != nullptr; }
  bool CanApply() const { return Extension(SHOJI_STORE_TXN_V1) != nullptr; }
  Result<std::vector<std::string>> Scan(std::string_view prefix);
  Status Apply(const std::vector<SetOrRemove>& changes);

 private:
  const void* Extension(const char* id) const;

  const shoji_store_v1* table_;
  shoji_store* handle_ = nullptr;
  Status opened_;
};

}  // namespace shoji::store_testing

#endif  // SHOJI_STORE_TESTING_PLACE_H_
