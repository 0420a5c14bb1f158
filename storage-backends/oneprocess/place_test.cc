#include "place.h"

#include <gmock/gmock.h>

#include "test_dir.h"

namespace shoji::oneprocess {
namespace {

using testing::HasSubstr;

class PlaceTest : public DirTest {
 protected:
  std::string path() const { return dir_ + "/a/b"; }
};

TEST_F(PlaceTest, IsMadeOnceAndFoundByEveryPath) {
  const auto first = Place::Prepare(path(), "leveldb");
  ASSERT_TRUE(first.ok()) << first.status().message();
  EXPECT_FALSE(first->IsMade());
  ASSERT_TRUE(first->MarkMade().ok());
  const auto again = Place::Prepare(dir_ + "/a/../a/b", "leveldb");
  ASSERT_TRUE(again.ok()) << again.status().message();
  EXPECT_TRUE(again->IsMade());
  EXPECT_EQ(first->id(), again->id());
  EXPECT_TRUE(PathExists(path() + "/db"));
}

TEST_F(PlaceTest, AForeignDirectoryIsLeftAlone) {
  ASSERT_TRUE(MakeDirs(path()).ok());
  ASSERT_TRUE(WriteFile(path() + "/CURRENT", "MANIFEST-000001\n").ok());
  const Status status = Place::Prepare(path(), "leveldb").status();
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_THAT(status.message(), HasSubstr("CURRENT"));
  EXPECT_THAT(status.message(), HasSubstr("store.leveldb.path"));
  EXPECT_EQ(ListDir(path()).value(), std::vector<std::string>{"CURRENT"});
}

TEST_F(PlaceTest, AnotherEngineOrVersionIsDataLoss) {
  ASSERT_TRUE(Place::Prepare(path(), "rocksdb").ok());
  EXPECT_EQ(Place::Prepare(path(), "leveldb").status().code(), StatusCode::kDataLoss);
  ASSERT_TRUE(WriteFile(path() + "/.store", "Shoji rocksdb store 2\n").ok());
  const Status newer = Place::Prepare(path(), "rocksdb").status();
  EXPECT_EQ(newer.code(), StatusCode::kDataLoss);
  EXPECT_THAT(newer.message(), HasSubstr(path() + "/.store"));
}

TEST_F(PlaceTest, AFileInItsPlaceIsDataLoss) {
  ASSERT_TRUE(WriteFile(dir_ + "/file", "x").ok());
  EXPECT_EQ(Place::Prepare(dir_ + "/file", "leveldb").status().code(), StatusCode::kDataLoss);
  ASSERT_TRUE(Place::Prepare(path(), "leveldb").ok());
  ASSERT_TRUE(RemoveFile(path() + "/.lock").ok());
  ASSERT_TRUE(WriteFile(path() + "/.lock", "").ok());
  const Status status = Place::Prepare(path(), "leveldb").status();
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_THAT(status.message(), HasSubstr(path() + "/.lock"));
}

TEST_F(PlaceTest, WhatWasBegunIsCompleted) {
  ASSERT_TRUE(MakeDirs(path()).ok());
  ASSERT_TRUE(WriteFile(path() + "/.store.tmp.4711", "Sho").ok());  // killed while making it
  EXPECT_TRUE(Place::Prepare(path(), "leveldb").ok());
}

}  // namespace
}  // namespace shoji::oneprocess
