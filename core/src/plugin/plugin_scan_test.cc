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
