// Plugins that an embedding program gives to its Runtime.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <map>
#include <mutex>

#include "shoji/base/file.h"
#include "shoji/runtime.h"
#include "shoji/sdk/plugin.h"
#include "shoji/sdk/store.h"

namespace shoji {
namespace {

using testing::HasSubstr;

// The database of the embedder.
struct Database {
  std::mutex mutex;
  std::map<std::string, std::string> values;
  std::string label;  // the option it was opened with
  std::atomic<int> scans = 0;
  std::atomic<int> opened = 0;
};
Database* database = nullptr;

class DatabaseStore {
 public:
  static Result<std::unique_ptr<DatabaseStore>> Open(const sdk::Host& host,
                                                     const sdk::OptionMap& options) {
    const auto* metrics = host.Service<shoji_metrics_v1>(SHOJI_METRICS_V1);
    metrics->count(host.raw(), sdk::ToStr("opened"), 1);
    database->label = options.Get("label");
    ++database->opened;
    return std::make_unique<DatabaseStore>();
  }
  Status Save(const shoji_call*, std::string_view key, std::string_view value) {
    const std::lock_guard<std::mutex> lock(database->mutex);
    database->values[std::string(key)] = value;
    return OkStatus();
  }
  Result<std::string> Load(const shoji_call*, std::string_view key) {
    const std::lock_guard<std::mutex> lock(database->mutex);
    const auto it = database->values.find(std::string(key));
    if (it == database->values.end()) return NotFound("there is no " + std::string(key));
    return it->second;
  }
  Status Remove(const shoji_call*, std::string_view key) {
    const std::lock_guard<std::mutex> lock(database->mutex);
    database->values.erase(std::string(key));
    return OkStatus();
  }
  Result<std::vector<std::string>> Scan(const shoji_call*, std::string_view prefix) {
    ++database->scans;
    const std::lock_guard<std::mutex> lock(database->mutex);
    std::vector<std::string> keys;
    for (const auto& [key, value] : database->values) {
      if (key.substr(0, prefix.size()) == prefix) keys.push_back(key);
    }
    return keys;
  }
};

std::int32_t OpenDatabase(const shoji_host* host, shoji_plugin* ret_plugin, shoji_error* error) {
  return sdk::internal::Open(host, ret_plugin, error, [](sdk::Interfaces& interfaces) {
    interfaces.Add(SHOJI_STORE_V1, sdk::StoreTable<DatabaseStore>());
  });
}

const char kNote[] = SHOJI_NOTE_PLUGIN("store", "com.example.db", "1.0", "Example", "MIT")
    SHOJI_NOTE_ABI("1", "1") SHOJI_NOTE_INTERFACE("shoji.store/1", "0")
        SHOJI_NOTE_OPTION("label", "string", "none", "", "Label");

class RuntimePlugins : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/test-runtime-XXXXXX";
    ASSERT_NE(mkdtemp(path), nullptr);
    dir_ = path;
    database = &own_;
    options_.config_files = {};
    options_.use_environment = false;
    options_.overrides = {
        {"root", dir_ + "/root"}, {"plugins.path", dir_}, {"sandbox.store", "com.example.db"}};
    options_.plugins = {{kNote, OpenDatabase}};
  }
  void TearDown() override { EXPECT_TRUE(RemoveTree(dir_).ok()); }
  Status CreateError() { return Runtime::Create(options_).status(); }

  Database own_;
  std::string dir_;
  RuntimeOptions options_;
};

TEST_F(RuntimePlugins, TheStoreOfTheEmbedderIsUsed) {
  options_.overrides.emplace_back("store.com.example.db.label", "mine");
  // Neither pins nor signatures concern what is part of the program.
  options_.overrides.emplace_back("plugins.trust", "signed");
  auto runtime = Runtime::Create(options_);
  ASSERT_TRUE(runtime.ok()) << runtime.status().message();
  EXPECT_EQ(own_.opened, 0) << "opened when it is needed";
  const std::vector<PluginInfo> plugins = (*runtime)->Plugins();
  ASSERT_EQ(plugins.size(), 1U);
  EXPECT_EQ(plugins[0].trust, "given in process");
  EXPECT_EQ(plugins[0].path, "");
  ASSERT_EQ(plugins[0].options.size(), 1U);
  EXPECT_EQ(plugins[0].options[0].value, "mine");
  const auto list = (*runtime)->ListSandboxes();
  ASSERT_TRUE(list.ok()) << list.status().message();
  EXPECT_GT(own_.scans, 0);
  EXPECT_EQ(own_.label, "mine");
  const std::vector<Metric> metrics = (*runtime)->Metrics();
  ASSERT_EQ(metrics.size(), 1U);
  EXPECT_EQ(metrics[0].id + "." + metrics[0].name, "com.example.db.opened");
  EXPECT_EQ(metrics[0].count, 1U);
}

TEST_F(RuntimePlugins, EachRuntimeOpensItsOwn) {
  for (int i = 0; i < 3; ++i) {
    auto runtime = Runtime::Create(options_);
    ASSERT_TRUE(runtime.ok()) << runtime.status().message();
    EXPECT_TRUE((*runtime)->ListSandboxes().ok());
  }
  EXPECT_EQ(own_.opened, 3);
}

TEST_F(RuntimePlugins, DefaultsOfTheEmbedderLoseAgainstWhatIsSet) {
  const char* const label = "store.com.example.db.label";
  options_.defaults = {{label, "theirs"}, {"log.level", "error"}};
  auto runtime = Runtime::Create(options_);
  ASSERT_TRUE(runtime.ok()) << runtime.status().message();
  EXPECT_EQ(*(*runtime)->Option(label), "theirs");
  EXPECT_EQ(*(*runtime)->Option("log.level"), "error");
  for (const OptionInfo& option : (*runtime)->Options()) {
    if (option.name != label) continue;
    EXPECT_FALSE(option.set);
    EXPECT_EQ(option.default_value, "theirs");
  }
  options_.overrides.emplace_back(label, "mine");
  EXPECT_EQ(*(*Runtime::Create(options_))->Option(label), "mine");
  options_.defaults = {{"log.level", "loud"}};
  EXPECT_THAT(CreateError().message(), HasSubstr("loud"));
  options_.defaults = {{"store.nobody.has", "x"}};
  EXPECT_THAT(CreateError().message(), HasSubstr("option \"store.nobody.has\", which neither"));
  options_.defaults = {{"plugins.pins.*", "x"}};
  EXPECT_FALSE(CreateError().ok());
}

TEST_F(RuntimePlugins, BadOnesAreErrorsOfCreate) {
  options_.plugins = {{"nonsense", OpenDatabase}};
  EXPECT_EQ(CreateError().message(),
            "a plugin given in process: its note has no record \"plugin\"");
  options_.plugins = {{kNote, nullptr}};
  EXPECT_THAT(CreateError().message(),
              HasSubstr("\"com.example.db\" given in process has no entry"));
  options_.plugins = {
      {SHOJI_NOTE_PLUGIN("store", "x", "1", "v", "MIT") SHOJI_NOTE_ABI("7", "9"), OpenDatabase}};
  EXPECT_THAT(CreateError().message(), HasSubstr("needs plugin ABI 7 to 9"));
}

}  // namespace
}  // namespace shoji
