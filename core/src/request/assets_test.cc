#include "request/assets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shoji/base/file.h"
#include "testing/fake_plugins.h"

namespace shoji {
namespace {

using ::testing::HasSubstr;

// Of "abc" (FIPS 180-2).
constexpr const char* kSha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr const char* kSha512 =
    "DDAF35A193617ABACC417349AE20413112E6FA4E89A97EA20A9EEEE64B55D39A"
    "2192992A274FC1A836BA3C23A3FEEBBD454D4423643CE80E2A9AC94FA54CA49F";

TEST(Assets, HashesAreChecked) {
  const testing::TempDir dir;
  const std::string path = dir.path() + "/kernel";
  ASSERT_TRUE(WriteFile(path, "abc").ok());
  BootFiles files;
  files.kernel = {path, kSha256};
  EXPECT_TRUE(CheckHashes(files).ok());
  files.initrd = {path, kSha512};
  EXPECT_TRUE(CheckHashes(files).ok());
  ASSERT_TRUE(WriteFile(path, "abd").ok());
  const Status other = CheckHashes(files);
  EXPECT_EQ(other.code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(other.message(), HasSubstr("kernel " + path));
  EXPECT_THAT(other.message(), HasSubstr(kSha256));
  EXPECT_THAT(other.message(),
              HasSubstr("a52d159f262b2c6ddb724a61840befc36eb30c88877a4030b65cbe86298449c9"));
  files.kernel.path += ".gone";
  EXPECT_EQ(CheckHashes(files).code(), StatusCode::kNotFound);
}

TEST(Assets, OwnOnesTakeThePlaceOfTheConfigured) {
  BootFiles configured;
  configured.kernel = {"/k", ""};
  configured.initrd = {"/i", ""};
  configured.kernel_params = "quiet";
  EXPECT_EQ(BootFilesOf(configured, {}).initrd.path, "/i");
  Assets assets;
  assets.image = "/disk";
  assets.image_sha256 = kSha256;
  assets.kernel_params = "x=1";
  const BootFiles files = BootFilesOf(configured, assets);
  EXPECT_EQ(files.kernel.path, "/k");
  EXPECT_EQ(files.initrd.path, "");
  EXPECT_EQ(files.image.path, "/disk");
  EXPECT_EQ(files.image.hash, kSha256);
  EXPECT_EQ(files.kernel_params, "quiet x=1");
  assets.initrd = "/both";
  EXPECT_EQ(BootFilesOf(configured, assets).initrd.path, "/both");
}

TEST(Assets, BadOnesAreRefused) {
  EXPECT_TRUE(ValidateAssets({}).ok());
  Assets relative;
  relative.kernel = "k";
  EXPECT_THAT(ValidateAssets(relative).message(), HasSubstr("kernel \"k\""));
  Assets alone;
  alone.image_sha256 = kSha256;
  EXPECT_THAT(CheckHashes(BootFilesOf({}, alone)).message(), HasSubstr("boots no image"));
  Assets wrong;
  wrong.initrd = "/i";
  wrong.initrd_sha256 = "12";
  EXPECT_EQ(ValidateAssets(wrong).code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(ValidateAssets(wrong).message(), HasSubstr("\"12\""));
}

}  // namespace
}  // namespace shoji
