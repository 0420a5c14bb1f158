#include "snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "recipe.h"
#include "shoji/base/file.h"

namespace shoji::qemu {
namespace {

using testing::HasSubstr;

class SnapshotFilesTest : public testing::Test {
 protected:
  SnapshotFilesTest() {
    char name[] = "/tmp/qemu_snapshot_test.XXXXXX";
    dir_ = mkdtemp(name);
  }
  ~SnapshotFilesTest() override { std::filesystem::remove_all(dir_); }

  void Seal(const std::string& state) {
    ASSERT_TRUE(WriteFile(StatePathIn(dir_), state).ok());
    ASSERT_TRUE(SealSnapshot(dir_, {"7.2", true, "{\"vcpus\":1}", 0, 0}).ok());
  }
  void ExpectLoss(const std::string& text) {
    const Status status = ReadSnapshot(dir_).status();
    EXPECT_EQ(status.code(), StatusCode::kDataLoss) << status.message();
    EXPECT_THAT(status.message(), HasSubstr(text));
  }

  std::string dir_;
};

TEST_F(SnapshotFilesTest, RoundTrip) {
  Seal("state");
  const auto manifest = ReadSnapshot(dir_);
  ASSERT_TRUE(manifest.ok()) << manifest.status().message();
  EXPECT_EQ(manifest->qemu, "7.2");
  EXPECT_TRUE(manifest->shared_memory);
  EXPECT_EQ(manifest->recipe, "{\"vcpus\":1}");
  EXPECT_EQ(manifest->state_bytes, 5U);
  RemoveSnapshot(dir_);
  EXPECT_TRUE(ListDir(dir_)->empty());
}

TEST_F(SnapshotFilesTest, EveryDamageIsTold) {
  EXPECT_EQ(ReadSnapshot(dir_ + "/none").status().code(), StatusCode::kNotFound);
  ExpectLoss("no manifest.json");
  // Larger than what the checksum covers: both ends count.
  const std::string large(3U << 20U, 'x');
  for (const std::size_t at : {std::size_t{0}, large.size() - 1}) {
    Seal(large);
    std::string changed = large;
    changed[at] = 'y';
    ASSERT_TRUE(WriteFile(StatePathIn(dir_), changed).ok());
    ExpectLoss("was changed");
  }
  ASSERT_TRUE(WriteFile(StatePathIn(dir_), "xxx").ok());
  ExpectLoss("3 of 3145728 bytes");
  ASSERT_TRUE(RemoveFile(StatePathIn(dir_)).ok());
  ExpectLoss("no file state");
  for (const char* bad : {"", "[]", "{}", "{\"version\":1,\"qemu\":7}"}) {
    ASSERT_TRUE(WriteFile(dir_ + "/manifest.json", bad).ok());
    ExpectLoss("manifest.json cannot be read");
  }
  ASSERT_TRUE(WriteFile(dir_ + "/manifest.json", "{\"version\":2}").ok());
  EXPECT_EQ(ReadSnapshot(dir_).status().code(), StatusCode::kFailedPrecondition);
}

TEST_F(SnapshotFilesTest, MemoryFiles) {
  const std::string path = dir_ + "/memory";
  EXPECT_EQ(CheckMemoryFile(path, 4096).code(), StatusCode::kNotFound);
  EXPECT_TRUE(MakeMemoryFile(path, 4096).ok());
  EXPECT_TRUE(CheckMemoryFile(path, 4096).ok());
  EXPECT_EQ(CheckMemoryFile(path, 8192).code(), StatusCode::kDataLoss);
  EXPECT_EQ(MakeMemoryFile(path, 4096).code(), StatusCode::kAlreadyExists);
  EXPECT_FALSE(MakeMemoryFile(dir_ + "/no/memory", 4096).ok());
}

Launch SomeLaunch() {
  Launch launch;
  launch.machine = "q35";
  launch.config.vcpus = 2;
  launch.config.memory_bytes = 256U << 20U;
  launch.config.shares = {{"kataShared", "/x", false}};
  launch.config.memory_path = "/m";
  return launch;
}

TEST(RecipeTest, ACloneHasItsOwnPathsAndNothingElse) {
  const std::string saved = RecipeOf(SomeLaunch());
  Launch clone = SomeLaunch();
  clone.config.memory_path = "/n";
  clone.config.shares[0].host_path = "/y";
  clone.config.id = "clone";
  EXPECT_TRUE(CompareRecipes(saved, RecipeOf(clone)).ok());
  clone.config.vcpus = 3;
  EXPECT_EQ(CompareRecipes(saved, RecipeOf(clone)).message(),
            "vcpus is 3, but 2 in the saved VM; it must be the same");
  clone = SomeLaunch();
  clone.config.shares.clear();
  EXPECT_THAT(CompareRecipes(saved, RecipeOf(clone)).message(), HasSubstr("shares is []"));
  clone = SomeLaunch();
  clone.config.memory_path = "";
  EXPECT_THAT(CompareRecipes(saved, RecipeOf(clone)).message(), HasSubstr("has_memory_path"));
  EXPECT_FALSE(CompareRecipes("garbage", saved).ok());
}

TEST(RecipeTest, TellsHowAShareIsMounted) {
  Launch launch = SomeLaunch();
  EXPECT_THAT(*ShareMountOf(RecipeOf(launch), "kataShared"), HasSubstr("\"driver\":\"9p\""));
  EXPECT_EQ(VirtioFsTagOf(RecipeOf(launch)), "");
  launch.features.shared_fs = "virtio-fs";
  EXPECT_EQ(*ShareMountOf(RecipeOf(launch), "kataShared"),
            R"({"driver":"virtio-fs","source":"kataShared","fstype":"virtiofs",)"
            R"("options":["nodev"]})");
  EXPECT_EQ(VirtioFsTagOf(RecipeOf(launch)), "kataShared");
  EXPECT_EQ(ShareMountOf(RecipeOf(launch), "other").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(ShareMountOf("", "kataShared").status().code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace shoji::qemu
