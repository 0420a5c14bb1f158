#include "metadata/store_copy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "metadata/metadata.h"
#include "testing/fake_plugins.h"
#include "testing/memory_store.h"

namespace shoji {
namespace {

using ::testing::HasSubstr;

class StoreCopyTest : public ::testing::Test {
 protected:
  void Save(testing::MemoryStore& disk, const std::string& id,
            const std::vector<std::string>& containers) {
    SandboxRecord record;
    record.id = id;
    for (const std::string& name : containers) record.containers.emplace_back().config.id = name;
    Metadata metadata(disk.Open(), dir_.path() + "/index.lock");
    ASSERT_TRUE(metadata.Save(record).ok());
  }
  Result<StoreCopyReport> Copy(StoreCopyMode mode = StoreCopyMode::kIntoEmpty,
                               const std::string& from_name = "store a") {
    const auto from = from_.Open();
    const auto to = to_.Open();
    return StoreCopier({*from, from_name}, {*to, "store b"}, mode).Run();
  }
  StoreCopyReport CopyOk(StoreCopyMode mode = StoreCopyMode::kIntoEmpty) {
    const auto report = Copy(mode);
    EXPECT_TRUE(report.ok()) << report.status().message();
    return report.ok() ? *report : StoreCopyReport();
  }
  bool Usable(testing::MemoryStore& disk) {
    return Metadata(disk.Open(), dir_.path() + "/index.lock").List().ok();
  }

  testing::TempDir dir_;
  testing::MemoryStore from_;
  testing::MemoryStore to_;
};

TEST_F(StoreCopyTest, CopiesEveryByteAndTwiceWritesNothing) {
  Save(from_, "pod", {"a", "b"});
  Save(from_, "web", {"c"});
  from_.keys["vendor/key"] = std::string("\0\xff", 2);
  from_.keys["sandboxes/torn"] = "{";
  const StoreCopyReport report = CopyOk();
  EXPECT_EQ(to_.keys, from_.keys);
  EXPECT_EQ(report.sandboxes, 3U);
  EXPECT_EQ(report.containers, 3U);
  EXPECT_EQ(report.others, 1U);
  EXPECT_EQ(report.written, 7U);
  const StoreCopyReport again = CopyOk();
  EXPECT_EQ(again.written, 0U);
  EXPECT_EQ(again.unchanged, 7U);
  EXPECT_EQ(to_.changes(), 9);  // seven keys, the mark and its removal
}

TEST_F(StoreCopyTest, RefusesATargetThatIsNotEmpty) {
  Save(from_, "pod", {"a"});
  Save(to_, "old", {"x"});
  const auto before = to_.keys;
  const auto report = Copy();
  EXPECT_EQ(report.status().code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(report.status().message(), HasSubstr("--merge"));
  EXPECT_EQ(to_.keys, before);
}

TEST_F(StoreCopyTest, ReplaceRemovesAndMergeKeeps) {
  Save(from_, "pod", {"a"});
  Save(to_, "old", {"x"});
  Save(to_, "pod", {"a", "b"});
  auto merged = from_.keys;
  for (const char* key : {"sandboxes/old", "containers/x"}) merged[key] = to_.keys.at(key);
  StoreCopyReport report = CopyOk(StoreCopyMode::kMerge);
  EXPECT_EQ(to_.keys, merged);  // without containers/b, which pod has no more
  EXPECT_EQ(report.removed, 1U);
  report = CopyOk(StoreCopyMode::kReplace);
  EXPECT_EQ(to_.keys, from_.keys);
  EXPECT_EQ(report.removed, 2U);
  EXPECT_EQ(report.written, 0U);
}

TEST_F(StoreCopyTest, AMergeGivesNoContainerToTwoSandboxes) {
  Save(from_, "pod", {"a"});
  Save(to_, "old", {"a"});
  const auto before = to_.keys;
  const auto report = Copy(StoreCopyMode::kMerge);
  EXPECT_EQ(report.status().code(), StatusCode::kAlreadyExists);
  EXPECT_THAT(report.status().message(), HasSubstr("\"a\""));
  EXPECT_EQ(to_.keys, before);
  EXPECT_TRUE(Copy(StoreCopyMode::kReplace).ok());
}

TEST_F(StoreCopyTest, InterruptedAnywhereItIsMarkedAndCompleted) {
  Save(from_, "pod", {"a", "b"});
  Save(from_, "web", {"c"});
  for (const bool applied : {false, true}) {
    for (const auto mode :
         {StoreCopyMode::kIntoEmpty, StoreCopyMode::kMerge, StoreCopyMode::kReplace}) {
      int n = 1;
      for (bool crashed = true; crashed; ++n) {
        SCOPED_TRACE(n);
        to_.keys.clear();
        to_.Restart();
        if (mode != StoreCopyMode::kIntoEmpty) Save(to_, "old", {"x"});
        const auto before = to_.keys;
        to_.CrashAt(n, applied);
        crashed = !Copy(mode).ok();
        to_.Restart();
        const bool untouched = to_.keys == before;
        const bool complete = to_.keys.count("sandboxes/web") > 0 && Usable(to_);
        EXPECT_TRUE(untouched || complete || !Usable(to_));
        // The plain command completes what any mode began, or finds nothing to do.
        const auto done = Copy(untouched || complete ? mode : StoreCopyMode::kIntoEmpty);
        ASSERT_TRUE(done.ok()) << done.status().message();
        EXPECT_EQ(done->resumed, !untouched && !complete);
        EXPECT_EQ(to_.keys.count("sandboxes/old"), mode == StoreCopyMode::kMerge ? 1U : 0U);
        EXPECT_EQ(to_.keys.count("sandboxes/web"), 1U);
        EXPECT_TRUE(Usable(to_));
      }
      EXPECT_GT(n, 7);
    }
  }
}

TEST_F(StoreCopyTest, AnUnfinishedCopyIsOfOneSourceOnly) {
  Save(from_, "pod", {"a"});
  to_.CrashAt(2, false);
  EXPECT_FALSE(Copy().ok());
  to_.Restart();
  for (const auto mode : {StoreCopyMode::kIntoEmpty, StoreCopyMode::kMerge}) {
    const auto other = Copy(mode, "store c");
    EXPECT_EQ(other.status().code(), StatusCode::kFailedPrecondition);
    EXPECT_THAT(other.status().message(), HasSubstr("unfinished copy of store a"));
  }
  EXPECT_TRUE(Copy(StoreCopyMode::kReplace, "store c").ok());
  EXPECT_EQ(to_.keys, from_.keys);
}

TEST_F(StoreCopyTest, AnUnfinishedCopyIsNoSource) {
  Save(from_, "pod", {"a"});
  to_.CrashAt(2, false);
  EXPECT_FALSE(Copy().ok());
  to_.Restart();
  std::swap(from_.keys, to_.keys);
  EXPECT_EQ(Copy(StoreCopyMode::kReplace).status().code(), StatusCode::kFailedPrecondition);
}

TEST_F(StoreCopyTest, OnePlaceUnderTwoNamesIsSeen) {
  Save(from_, "pod", {"a"});
  const auto before = from_.keys;
  for (const auto mode : {StoreCopyMode::kMerge, StoreCopyMode::kReplace}) {
    const auto a = from_.Open();
    const auto b = from_.Open();
    const auto report = StoreCopier({*a, "store a"}, {*b, "store b"}, mode).Run();
    EXPECT_EQ(report.status().code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(from_.keys, before);
  }
}

TEST_F(StoreCopyTest, WhatCannotBeReadStopsItBeforeAnyChange) {
  Save(from_, "pod", {"a"});
  from_.unreadable["sandboxes/pod"] = DataLoss("torn");
  const auto report = Copy();
  EXPECT_EQ(report.status().code(), StatusCode::kDataLoss);
  EXPECT_THAT(report.status().message(), HasSubstr("\"sandboxes/pod\" of store a"));
  EXPECT_TRUE(to_.keys.empty());
}

TEST_F(StoreCopyTest, StoresOfALaterLayoutAreLeftAlone) {
  Save(from_, "pod", {"a"});
  to_.keys["shoji/store"] = R"({"layout":7})";
  EXPECT_THAT(Copy(StoreCopyMode::kReplace).status().message(), HasSubstr("layout 7"));
  std::swap(from_, to_);
  EXPECT_THAT(Copy(StoreCopyMode::kReplace).status().message(), HasSubstr("layout 7"));
}

TEST_F(StoreCopyTest, BetweenStoresThatCanScanAndThoseThatCannot) {
  from_.can_scan = false;
  Save(from_, "pod", {"a", "b"});
  Save(from_, "web", {"c"});
  CopyOk();
  EXPECT_EQ(to_.keys.count("index/sandboxes"), 0U);
  EXPECT_EQ(to_.keys.size(), from_.keys.size() - 1);
  std::swap(from_, to_);
  Save(to_, "old", {"x"});
  Save(from_, "more", {"d"});
  CopyOk(StoreCopyMode::kMerge);
  EXPECT_EQ(to_.keys["index/sandboxes"], "more\nold\npod\nweb");
  CopyOk(StoreCopyMode::kReplace);
  EXPECT_EQ(to_.keys["index/sandboxes"], "more\npod\nweb");
  EXPECT_EQ(to_.keys.count("sandboxes/old"), 0U);
}

}  // namespace
}  // namespace shoji
