#include "plugin/plugin_scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <map>

#include "shoji/base/deadline.h"
#include "shoji/base/file.h"

namespace shoji {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

const char kDir[] = SHOJI_TEST_PLUGIN_DIR;

// File name to reason; "" for accepted ones.
std::map<std::string, std::string> Reasons(const PluginScan& scan) {
  std::map<std::string, std::string> reasons;
  for (const ScannedPlugin& plugin : scan.plugins()) {
    const std::string& path = plugin.info.path;
    EXPECT_EQ(plugin.accepted(), plugin.info.reason.empty()) << path;
    EXPECT_EQ(plugin.accepted(), static_cast<bool>(plugin.file)) << path;
    EXPECT_EQ(plugin.info.reason.find('\n'), std::string::npos);
    reasons[path.substr(path.rfind('/') + 1)] = plugin.info.reason;
  }
  return reasons;
}

PluginScan Scan(const std::vector<std::string>& dirs) { return PluginScan::Run({dirs, {}}); }

TEST(PluginScan, EachBadPluginHasItsReason) {
  const auto reasons = Reasons(Scan({kDir}));
  EXPECT_EQ(reasons.at("good.so"), "");
  EXPECT_EQ(reasons.at("bad-throws.so"), "") << "cannot be seen before it is opened";
  EXPECT_THAT(reasons.at("bad-abi.so"), HasSubstr("needs plugin ABI 7 to 9, this host serves 1"));
  EXPECT_THAT(reasons.at("bad-kind.so"), HasSubstr("no plugins of kind \"teapot\""));
  EXPECT_EQ(reasons.at("bad-interface.so"), "does not announce interface shoji.store/1");
  EXPECT_THAT(reasons.at("bad-exports.so"), HasSubstr("e.g. another_export"));
  EXPECT_THAT(reasons.at("bad-protobuf.so"),
              HasSubstr("exports symbols of protobuf, e.g. _ZN6goog"));
  EXPECT_EQ(reasons.at("bad-note.so"), "no Shoji plugin note");
  EXPECT_EQ(reasons.at("bad-entry.so"), "does not export shoji_plugin_open_v1");
}

TEST(PluginScan, TellsWhatTheNoteSays) {
  const PluginScan scan = Scan({kDir});
  for (const ScannedPlugin& plugin : scan.plugins()) {
    if (plugin.info.id != "good") continue;
    EXPECT_EQ(plugin.info.version, "1.2.3");
    EXPECT_EQ(plugin.info.vendor, "Tester");
    EXPECT_EQ(plugin.info.licence, "MIT");
  }
  std::vector<OptionSpec> specs;
  scan.AppendOptions(&specs);
  std::map<std::string, OptionSpec> by_name;
  for (const OptionSpec& spec : specs) EXPECT_TRUE(by_name.emplace(spec.name, spec).second);
  EXPECT_EQ(by_name.at("store.good.size").type, OptionType::kSize);
  EXPECT_TRUE(by_name.at("store.needy.token").required);
}

TEST(PluginScan, TheFirstOfTwoEqualPluginsWins) {
  char path[] = "/tmp/shoji-scan-XXXXXX";
  ASSERT_NE(mkdtemp(path), nullptr);
  const std::string dir = path;
  const std::string bytes = ReadFile(std::string(kDir) + "/good.so").value();
  ASSERT_TRUE(WriteFile(dir + "/copy.so", bytes, 0644).ok());
  ASSERT_TRUE(WriteFile(dir + "/loose.so", bytes, 0644).ok());
  ASSERT_EQ(chmod((dir + "/loose.so").c_str(), 0666), 0);
  ASSERT_TRUE(WriteFile(dir + "/text.so", "hello", 0644).ok());
  ASSERT_TRUE(WriteFile(dir + "/readme.txt", "hello", 0644).ok());
  const auto reasons = Reasons(Scan({dir, kDir}));
  EXPECT_EQ(reasons.at("copy.so"), "");
  EXPECT_EQ(reasons.at("good.so"), "there is already a store plugin \"good\": " + dir + "/copy.so");
  EXPECT_THAT(reasons.at("loose.so"), HasSubstr("chmod go-w"));
  EXPECT_EQ(reasons.at("text.so"), "not an ELF file");
  EXPECT_EQ(reasons.count("readme.txt"), 0U);
  EXPECT_TRUE(RemoveTree(dir).ok());
}

TEST(PluginScan, AMissingDirectoryIsToldAndIsNoError) {
  const PluginScan scan = Scan({"/tmp/shoji-there-is-none"});
  ASSERT_EQ(scan.plugins().size(), 1U);
  EXPECT_EQ(scan.plugins()[0].info.status, "refused");
  EXPECT_THAT(scan.plugins()[0].info.reason, HasSubstr("No such file"));
  EXPECT_THAT(Scan({}).plugins(), IsEmpty());
}

std::int32_t NoEntry(const shoji_host*, shoji_plugin*, shoji_error*) { return SHOJI_INTERNAL; }

std::string StoreNote(const std::string& id, const std::string& option) {
  return "plugin\tstore\t" + id + "\t1\tv\tMIT\t0\nabi\t1\t1\ninterface\tshoji.store/1\t0\n" +
         "option\t" + option + "\tstring\tx\t\t\n";
}

TEST(PluginScan, APluginGivenInProcessWinsOverFiles) {
  PluginScan scan = Scan({kDir});
  ASSERT_TRUE(scan.AddInProcess(StoreNote("good", "x"), NoEntry).ok());
  EXPECT_EQ(scan.plugins()[0].info.status, "ok");
  const ScannedPlugin* file = nullptr;
  for (const ScannedPlugin& plugin : scan.plugins()) {
    if (plugin.info.path == std::string(kDir) + "/good.so") file = &plugin;
  }
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(file->info.reason, "there is already a store plugin \"good\": one given in process");
  EXPECT_EQ(scan.AddInProcess(StoreNote("good", "y"), NoEntry).code(), StatusCode::kAlreadyExists);
}

// Ids and options may have dots. What two plugins would share must not take the host down.
TEST(PluginScan, OneNameIsOneOption) {
  PluginScan scan = Scan({});
  ASSERT_TRUE(scan.AddInProcess(StoreNote("a", "b.c"), NoEntry).ok());
  ASSERT_TRUE(scan.AddInProcess(StoreNote("a.b", "c"), NoEntry).ok());
  EXPECT_EQ(scan.plugins()[0].info.status, "ok");
  EXPECT_EQ(scan.plugins()[1].info.reason, "its option store.a.b.c is another plugin's already");
  std::vector<OptionSpec> specs;
  scan.AppendOptions(&specs);
  ASSERT_EQ(specs.size(), 1U);
  EXPECT_EQ(specs[0].name, "store.a.b.c");
}

TEST(PluginScan, TellsWhichRefusedFileAnOptionMayBelongTo) {
  char path[] = "/tmp/shoji-scan-XXXXXX";
  ASSERT_NE(mkdtemp(path), nullptr);
  const std::string dir = path;
  ASSERT_TRUE(WriteFile(dir + "/other.so", "hello", 0644).ok());
  ASSERT_TRUE(WriteFile(dir + "/store-kv.so", "hello", 0644).ok());
  const PluginScan scan = Scan({dir, kDir});
  EXPECT_EQ(scan.ExplainUnknown("store.kv.path"), dir + "/store-kv.so is refused: not an ELF file");
  EXPECT_THAT(scan.ExplainUnknown("factory.x.y"),
              HasSubstr("it may be one of " + dir + "/other.so"));
  EXPECT_THAT(scan.ExplainUnknown("teapot.kind.size"), HasSubstr("bad-kind.so is refused: "));
  EXPECT_EQ(scan.ExplainUnknown("log.levl"), "");
  EXPECT_EQ(Scan({}).ExplainUnknown("store.kv.path"), "");
  EXPECT_TRUE(RemoveTree(dir).ok());
}

// Start-up time matters; the bound is far above what it takes, against accidents only.
TEST(PluginScan, IsQuick) {
  std::int64_t best = INT64_MAX;
  for (int i = 0; i < 20; ++i) {
    const std::int64_t begin = Deadline::NowNanos();
    (void)Scan({kDir});
    best = std::min(best, Deadline::NowNanos() - begin);
  }
  RecordProperty("nanoseconds", std::to_string(best));
  EXPECT_LT(best, 20'000'000);
}

}  // namespace
}  // namespace shoji
