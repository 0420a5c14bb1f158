#include "filesystem_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "layout.h"
#include "record.h"
#include "shoji/base/deadline.h"
#include "shoji/base/file.h"

namespace shoji::filesystem {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class FilesystemStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/shoji-store-XXXXXX";
    ASSERT_NE(mkdtemp(path), nullptr);
    dir_ = path;
    store_ = Open();
  }
  void TearDown() override {
    store_.reset();
    EXPECT_TRUE(RemoveTree(dir_).ok());
  }
  std::string root() const { return dir_ + "/store"; }
  std::unique_ptr<FilesystemStore> Open() {
    auto store = FilesystemStore::OpenAt(root());
    EXPECT_TRUE(store.ok()) << store.status().message();
    return store.ok() ? std::move(store).value() : nullptr;
  }
  std::vector<std::string> Keys(const std::string& prefix = "") {
    auto keys = store_->Scan(nullptr, prefix);
    EXPECT_TRUE(keys.ok()) << keys.status().message();
    return keys.ok() ? *keys : std::vector<std::string>();
  }

  std::string dir_;
  std::unique_ptr<FilesystemStore> store_;
};

TEST_F(FilesystemStoreTest, WhatIsSavedIsFoundByAnotherOpener) {
  ASSERT_TRUE(store_->Save(nullptr, "a/b", "one").ok());
  ASSERT_TRUE(store_->Save(nullptr, "a", "").ok());
  auto other = Open();
  EXPECT_EQ(other->Load(nullptr, "a/b").value(), "one");
  EXPECT_EQ(other->Load(nullptr, "a").value(), "");
  ASSERT_TRUE(other->Save(nullptr, "a/b", std::string("\0two", 4)).ok());
  EXPECT_EQ(store_->Load(nullptr, "a/b").value(), std::string("\0two", 4));
}

TEST_F(FilesystemStoreTest, RemoveSucceedsTwiceAndLeavesNoDirectory) {
  ASSERT_TRUE(store_->Save(nullptr, "a/b/c", "x").ok());
  EXPECT_TRUE(store_->Remove(nullptr, "a/b/c").ok());
  EXPECT_TRUE(store_->Remove(nullptr, "a/b/c").ok());
  EXPECT_TRUE(store_->Remove(nullptr, "never/was").ok());
  EXPECT_EQ(store_->Load(nullptr, "a/b/c").status().code(), StatusCode::kNotFound);
  EXPECT_FALSE(PathExists(root() + "/a"));
}

TEST_F(FilesystemStoreTest, ScanGivesKeysInByteOrder) {
  const std::string longest(512, 'z');
  for (const std::string& key : {std::string("b/2"), std::string("b"), std::string("a-x"),
                                 std::string("b/1"), std::string("bb"), longest}) {
    ASSERT_TRUE(store_->Save(nullptr, key, "v").ok()) << key;
  }
  EXPECT_THAT(Keys(), ElementsAre("a-x", "b", "b/1", "b/2", "bb", longest));
  EXPECT_THAT(Keys("b/"), ElementsAre("b/1", "b/2"));
  EXPECT_THAT(Keys("b"), ElementsAre("b", "b/1", "b/2", "bb"));
  EXPECT_THAT(Keys(longest.substr(0, 300)), ElementsAre(longest));
  EXPECT_THAT(Keys("none"), IsEmpty());
}

TEST_F(FilesystemStoreTest, ApplyChangesAllInOrder) {
  ASSERT_TRUE(store_->Save(nullptr, "old", "1").ok());
  const Status status = store_->Apply(nullptr, {{false, "x/1", "a"},
                                                {true, "old", {}},
                                                {true, "x/2", {}},
                                                {false, "x/2", "b"},
                                                {false, "gone", "c"},
                                                {true, "gone", {}}});
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_THAT(Keys(), ElementsAre("x/1", "x/2"));
  EXPECT_EQ(store_->Load(nullptr, "x/2").value(), "b");
  EXPECT_FALSE(PathExists(root() + "/.journal"));
}

TEST_F(FilesystemStoreTest, AJournalLeftBehindIsCarriedOutByTheNextReader) {
  ASSERT_TRUE(store_->Save(nullptr, "old", "1").ok());
  const std::string value = "new";
  ASSERT_TRUE(WriteFile(root() + "/.t0", RecordHeader("k/1", value) + value).ok());
  // Step 1 was moved to its place before the crash: no file is left.
  const std::string moved = RecordHeader("k2", value) + value;
  ASSERT_TRUE(WriteFile(root() + "/" + PathOfKey("k2"), moved).ok());
  ASSERT_TRUE(WriteFile(root() + "/.journal",
                        PackJournal({{false, 0, "k/1"}, {false, 1, "k2"}, {true, 2, "old"}}))
                  .ok());
  EXPECT_EQ(store_->Load(nullptr, "old").status().code(), StatusCode::kNotFound);
  EXPECT_THAT(Keys(), ElementsAre("k/1", "k2"));
  EXPECT_EQ(store_->Load(nullptr, "k/1").value(), "new");
  EXPECT_FALSE(PathExists(root() + "/.journal"));
}

TEST_F(FilesystemStoreTest, ATornJournalIsDataLossAndNamesTheFile) {
  ASSERT_TRUE(WriteFile(root() + "/.journal", "ShojiTxn torn").ok());
  const Status status = store_->Load(nullptr, "k").status();
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_THAT(status.message(), HasSubstr(root() + "/.journal"));
}

TEST_F(FilesystemStoreTest, TornForeignAndMisplacedRecordsAreDataLoss) {
  ASSERT_TRUE(store_->Save(nullptr, "a", "value").ok());
  const std::string whole = ReadFile(root() + "/a=").value();
  for (const std::string& bytes : {whole.substr(0, whole.size() - 1), std::string(), whole + "x",
                                   std::string("#!/bin/sh\n")}) {
    ASSERT_TRUE(WriteFile(root() + "/a=", bytes).ok());
    const Status status = store_->Load(nullptr, "a").status();
    EXPECT_EQ(status.code(), StatusCode::kDataLoss);
    EXPECT_THAT(status.message(), HasSubstr(root() + "/a="));
  }
  ASSERT_TRUE(WriteFile(root() + "/b=", whole).ok());
  EXPECT_EQ(store_->Load(nullptr, "b").status().code(), StatusCode::kDataLoss);
}

TEST_F(FilesystemStoreTest, AnOversizedFileIsDataLoss) {
  ASSERT_TRUE(WriteFile(root() + "/a=", "").ok());
  ASSERT_EQ(truncate((root() + "/a=").c_str(), (16 << 20) + 25), 0);
  EXPECT_EQ(store_->Load(nullptr, "a").status().code(), StatusCode::kDataLoss);
}

TEST_F(FilesystemStoreTest, TheLargestValueFits) {
  const std::string value(SHOJI_STORE_VALUE_MAX, 'v');
  ASSERT_TRUE(store_->Save(nullptr, "big", value).ok());
  EXPECT_EQ(store_->Load(nullptr, "big").value(), value);
}

TEST_F(FilesystemStoreTest, ADirectoryOfSomebodyElseIsLeftAlone) {
  const std::string other = dir_ + "/other";
  ASSERT_TRUE(MakeDirs(other).ok());
  ASSERT_TRUE(WriteFile(other + "/precious", "data").ok());
  const auto store = FilesystemStore::OpenAt(other);
  ASSERT_FALSE(store.ok());
  EXPECT_EQ(store.status().code(), StatusCode::kDataLoss);
  EXPECT_THAT(store.status().message(), HasSubstr(other));
  EXPECT_THAT(ListDir(other).value(), ElementsAre("precious"));
}

TEST_F(FilesystemStoreTest, AFileInPlaceOfTheDirectoryIsRefused) {
  ASSERT_TRUE(WriteFile(dir_ + "/file", "x").ok());
  const auto store = FilesystemStore::OpenAt(dir_ + "/file");
  ASSERT_FALSE(store.ok());
  EXPECT_THAT(store.status().message(), HasSubstr(dir_ + "/file"));
}

TEST_F(FilesystemStoreTest, AStoreThatIsGoneIsNotTakenForAnEmptyOne) {
  ASSERT_TRUE(store_->Save(nullptr, "a", "1").ok());
  ASSERT_TRUE(RemoveTree(root()).ok());
  for (const Status& status : {store_->Load(nullptr, "a").status(), store_->Save(nullptr, "a", "2"),
                               store_->Remove(nullptr, "a"), store_->Scan(nullptr, "").status()}) {
    EXPECT_EQ(status.code(), StatusCode::kUnavailable);
    EXPECT_THAT(status.message(), HasSubstr(root()));
  }
}

TEST_F(FilesystemStoreTest, AFailedWriteLeavesTheOldValues) {
  ASSERT_TRUE(store_->Save(nullptr, "a", "old").ok());
  // A directory where the value file goes makes the write fail for root too.
  ASSERT_TRUE(MakeDirs(root() + "/.t1/x").ok());
  const Status status = store_->Apply(nullptr, {{false, "a", "new"}, {false, "b", "new"}});
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.message(), HasSubstr(root() + "/.t1"));
  EXPECT_EQ(store_->Load(nullptr, "a").value(), "old");
  EXPECT_THAT(Keys(), ElementsAre("a"));
  EXPECT_FALSE(PathExists(root() + "/.t0"));
}

TEST_F(FilesystemStoreTest, WaitingForTheLockEndsWithTheDeadlineOrTheCancelFd) {
  auto directory = Directory::Open(root());
  ASSERT_TRUE(directory.ok());
  const auto lock = directory->Acquire(LockMode::kExclusive, nullptr);
  ASSERT_TRUE(lock.ok());
  const std::int64_t soon = Deadline::After(std::chrono::milliseconds(20)).nanos();
  const shoji_call late = {sizeof(shoji_call), -1, soon, {}};
  EXPECT_EQ(store_->Save(&late, "a", "x").code(), StatusCode::kDeadlineExceeded);
  const UniqueFd event(eventfd(1, EFD_CLOEXEC));
  const shoji_call cancelled = {sizeof(shoji_call), event.get(), 0, {}};
  EXPECT_EQ(store_->Load(&cancelled, "a").status().code(), StatusCode::kCancelled);
}

TEST_F(FilesystemStoreTest, ThreadsTakeTurns) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      const std::string key = "t/" + std::to_string(t);
      for (int i = 0; i < 50; ++i) {
        EXPECT_TRUE(store_->Save(nullptr, key, std::to_string(i)).ok());
        EXPECT_EQ(store_->Load(nullptr, key).value(), std::to_string(i));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Keys("t/").size(), 4U);
}

// Loads take no lock: who has seen a part of a transaction must see the rest of it.
TEST_F(FilesystemStoreTest, ReadersSeeTransactionsWhole) {
  constexpr int kTransactions = 100;
  const std::vector<std::string> keys = {"a", "m/deep/er", "z"};
  const auto apply = [&](int i) {
    const std::string value = std::to_string(i);
    std::vector<sdk::StoreOp> ops;
    for (const std::string& key : keys) ops.push_back({false, key, value});
    return store_->Apply(nullptr, ops);
  };
  ASSERT_TRUE(apply(0).ok());
  std::atomic<bool> ended = false;
  const auto read = [&](std::vector<std::string> order) {
    const auto store = Open();
    for (int last = 0; !ended;) {
      for (const std::string& key : order) {
        const auto value = store->Load(nullptr, key);
        ASSERT_TRUE(value.ok()) << value.status().message();
        ASSERT_GE(std::stoi(*value), last) << key << " is from before the transaction";
        last = std::stoi(*value);
      }
    }
  };
  std::thread forward(read, keys);
  std::thread backward(read, std::vector<std::string>(keys.rbegin(), keys.rend()));
  for (int i = 1; i <= kTransactions; ++i) EXPECT_TRUE(apply(i).ok());
  ended = true;
  forward.join();
  backward.join();
}

TEST(StoreKey, BadKeysAreRefusedWithTheReason) {
  for (const std::string& key :
       {std::string(), std::string(513, 'a'), std::string("a\0b", 3), std::string("a//b"),
        std::string("/a"), std::string("a/"), std::string("."), std::string("a/../b"),
        std::string("\xff"), std::string("\xc0\xaf"), std::string("\xed\xa0\x80"),
        std::string("\xf4\x90\x80\x80"), std::string("a\xe2\x82")}) {
    const Status status = sdk::CheckStoreKey(key);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << key;
    EXPECT_FALSE(status.message().empty());
  }
  for (const std::string& key : {std::string("a"), std::string(512, 'a'), std::string("..."),
                                 std::string("ü/日本/\xf0\x9f\x8f\xa0"), std::string("a b\n")}) {
    EXPECT_TRUE(sdk::CheckStoreKey(key).ok()) << key;
  }
  EXPECT_TRUE(sdk::CheckStoreValue(std::string(SHOJI_STORE_VALUE_MAX, 'x')).ok());
  EXPECT_FALSE(sdk::CheckStoreValue(std::string(SHOJI_STORE_VALUE_MAX + 1, 'x')).ok());
}

}  // namespace
}  // namespace shoji::filesystem
