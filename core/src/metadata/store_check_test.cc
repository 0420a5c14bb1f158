#include "metadata/store_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "metadata/mark.h"
#include "metadata/metadata.h"
#include "testing/fake_plugins.h"
#include "testing/memory_store.h"

namespace shoji {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StoreCheckTest : public ::testing::Test {
 protected:
  void Save(const std::string& id, const std::vector<std::string>& containers) {
    SandboxRecord record;
    record.id = id;
    for (const std::string& name : containers) record.containers.emplace_back().config.id = name;
    Metadata metadata(disk_.Open(), dir_.path() + "/index.lock");
    ASSERT_TRUE(metadata.Save(record).ok());
  }
  StoreCheckReport Check(bool repair = false) {
    const auto store = disk_.Open();
    auto report = StoreChecker(*store, repair).Run();
    EXPECT_TRUE(report.ok()) << report.status().message();
    return report.ok() ? *report : StoreCheckReport();
  }
  // "kind key" of each.
  std::vector<std::string> Findings(bool repair = false) {
    std::vector<std::string> out;
    for (const auto& f : Check(repair).findings) {
      out.push_back(f.kind + " " + f.key + (f.repaired ? " repaired" : ""));
      EXPECT_EQ(f.text.find('\n'), std::string::npos);
      EXPECT_FALSE(f.text.empty());
    }
    return out;
  }

  testing::TempDir dir_;
  testing::MemoryStore disk_;
};

TEST_F(StoreCheckTest, NothingToFind) {
  EXPECT_THAT(Findings(), IsEmpty());
  Save("pod", {"a", "b"});
  Save("web", {"c"});
  const StoreCheckReport report = Check();
  EXPECT_THAT(report.findings, IsEmpty());
  EXPECT_EQ(report.keys, 5U);
  EXPECT_EQ(report.sandboxes, 2U);
  EXPECT_EQ(report.containers, 3U);
  EXPECT_EQ(report.older, 0U);
}

TEST_F(StoreCheckTest, TheIndexIsComparedBothWaysAndMended) {
  Save("pod", {"a", "b"});
  Save("web", {"c"});
  disk_.keys["containers/gone"] = "nobody";
  disk_.keys["containers/odd"] = "../x\n";
  disk_.keys["containers/c"] = "pod";
  disk_.keys.erase("containers/a");
  const auto before = disk_.keys;
  EXPECT_THAT(Findings(), ElementsAre("missing-index containers/a", "wrong-index containers/c",
                                      "stale-index containers/gone", "stale-index containers/odd"));
  EXPECT_EQ(disk_.keys, before);
  EXPECT_THAT(
      Findings(true),
      ElementsAre("missing-index containers/a repaired", "wrong-index containers/c repaired",
                  "stale-index containers/gone repaired", "stale-index containers/odd repaired"));
  EXPECT_THAT(Findings(), IsEmpty());
  EXPECT_EQ(disk_.keys.at("containers/a"), "pod");
  EXPECT_EQ(disk_.keys.at("containers/c"), "web");
}

TEST_F(StoreCheckTest, RecordsThatCannotBeReadAreNamedAndLeftAlone) {
  Save("pod", {"a"});
  Save("torn", {"b"});
  Save("new", {"c"});
  Save("sick", {"d"});
  disk_.keys["sandboxes/torn"] = "{\"schema\":";
  disk_.keys["sandboxes/new"] = R"({"schema":99})";
  disk_.keys["sandboxes/other"] = disk_.keys["sandboxes/pod"];
  disk_.unreadable["sandboxes/sick"] = PermissionDenied("may not");
  const auto before = disk_.keys;
  EXPECT_THAT(Findings(true), ElementsAre("newer sandboxes/new", "name sandboxes/other",
                                          "unreadable sandboxes/sick", "damaged sandboxes/torn"));
  EXPECT_EQ(disk_.keys, before);  // their index entries too
  EXPECT_THAT(Check().findings[3].text, HasSubstr("shoji delete --force torn"));
}

TEST_F(StoreCheckTest, ForeignKeysAreNamed) {
  Save("pod", {"a"});
  disk_.keys["vendor/key"] = "x";
  disk_.keys["sandboxes/a/b"] = "x";
  disk_.keys["containers/a/b"] = "pod";
  disk_.keys["sandboxesx"] = "x";
  const auto before = disk_.keys;
  EXPECT_THAT(Findings(true), ElementsAre("foreign containers/a/b", "foreign sandboxes/a/b",
                                          "foreign sandboxesx", "foreign vendor/key"));
  EXPECT_EQ(disk_.keys, before);
}

TEST_F(StoreCheckTest, AContainerOfTwoSandboxesIsNotDecided) {
  Save("pod", {"a"});
  Save("web", {"b"});
  SandboxRecord record;
  record.id = "web";
  record.containers.emplace_back().config.id = "a";
  disk_.keys["sandboxes/web"] = FormatRecord(record);
  disk_.keys.erase("containers/b");
  EXPECT_THAT(Findings(true), ElementsAre("twice containers/a"));
  EXPECT_EQ(disk_.keys.at("containers/a"), "pod");
}

TEST_F(StoreCheckTest, OlderSchemasAreCountedNoFault) {
  Save("pod", {"a"});
  std::string& text = disk_.keys["sandboxes/pod"];
  text.replace(text.find("\"schema\":2"), 10, "\"schema\":1");
  const StoreCheckReport report = Check();
  EXPECT_THAT(report.findings, IsEmpty());
  EXPECT_EQ(report.older, 1U);
}

TEST_F(StoreCheckTest, TheMarkIsLookedAt) {
  Save("pod", {"a"});
  for (const auto& [mark, kind] : std::initializer_list<std::pair<const char*, const char*>>{
           {R"({"layout":2})", "layout shoji/store"},
           {R"({"layout":1,"copy":{"from":"x","merges":false,"nonce":"1"}})",
            "unfinished-copy shoji/store"},
           {"{", "mark shoji/store"}}) {
    disk_.keys["shoji/store"] = mark;
    EXPECT_THAT(Findings(), ElementsAre(kind));
    // And nothing works in such a store: to `shoji gc` it would look empty.
    Metadata metadata(disk_.Open(), dir_.path() + "/index.lock");
    EXPECT_FALSE(metadata.List().ok());
    EXPECT_EQ(metadata.Load("pod").status().code(), StatusCode::kFailedPrecondition);
    EXPECT_FALSE(metadata.Remove("pod").ok());
    EXPECT_FALSE(metadata.CheckFree("z", "z").ok());
    EXPECT_FALSE(metadata.SandboxOf("a").ok());
    EXPECT_FALSE(metadata.StaleIndex().ok());
    EXPECT_FALSE(metadata.RemoveStale("a").ok());
  }
  disk_.keys["shoji/store"] = R"({"layout":1,"later":1})";
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_F(StoreCheckTest, TheListOfAStoreThatCannotScan) {
  disk_.can_scan = false;
  Save("pod", {"a"});
  EXPECT_THAT(Findings(), IsEmpty());
  disk_.keys["index/sandboxes"] = "gone\npod";
  EXPECT_THAT(Findings(true), ElementsAre("stale-list index/sandboxes repaired"));
  EXPECT_EQ(disk_.keys["index/sandboxes"], "pod");
}

TEST_F(StoreCheckTest, AFailedRepairIsTold) {
  disk_.keys["containers/gone"] = "nobody";
  disk_.CrashAt(1, false);
  const StoreCheckReport report = Check(true);
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_FALSE(report.findings[0].repaired);
  EXPECT_THAT(report.findings[0].error, HasSubstr("crashed"));
  const auto store = disk_.Open();
  EXPECT_EQ(StoreChecker(*store, false).Run().status().code(), StatusCode::kUnavailable);
}

}  // namespace
}  // namespace shoji
