#include "plugin/trust.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shoji/base/file.h"

namespace shoji {
namespace {

using testing::HasSubstr;

constexpr uid_t kSomebody = 65534;

class TrustTest : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/shoji-trust-XXXXXX";
    ASSERT_NE(mkdtemp(path), nullptr);
    top_ = path;
    ASSERT_TRUE(MakeDirs(top_ + "/lib/plugins").ok());
    ASSERT_EQ(chmod((top_ + "/lib").c_str(), 0755), 0);
    file_ = top_ + "/lib/plugins/x.so";
    ASSERT_TRUE(WriteFile(file_, "bytes", 0644).ok());
  }
  void TearDown() override { EXPECT_TRUE(RemoveTree(top_).ok()); }

  // The refusal, or "" when it is opened.
  std::string Check(const std::string& path, const std::string& prefix = "") {
    const Result<UniqueFd> fd = OpenTrusted(path, prefix);
    if (fd.ok()) {
      EXPECT_EQ(ReadAll(fd->get()).value(), "bytes");
      return {};
    }
    return fd.status().message();
  }
  static void Mode(const std::string& path, mode_t mode) {
    ASSERT_EQ(chmod(path.c_str(), mode), 0);
  }

  std::string top_;
  std::string file_;
};

TEST_F(TrustTest, OwnFilesInOwnDirectoriesAreTrusted) { EXPECT_EQ(Check(file_), ""); }

TEST_F(TrustTest, AFileOthersMayWriteIsRefused) {
  for (const mode_t mode : {0664U, 0646U}) {
    Mode(file_, mode);
    EXPECT_THAT(Check(file_), HasSubstr("write to " + file_ + "; run chmod go-w"));
  }
}

TEST_F(TrustTest, ADirectoryOthersMayWriteIsRefusedAtEveryDepth) {
  for (const std::string& dir : {top_ + "/lib/plugins", top_ + "/lib", top_}) {
    Mode(dir, 0775);
    EXPECT_THAT(Check(file_), HasSubstr("write to " + dir + ";"));
    Mode(dir, 0755);
  }
}

TEST_F(TrustTest, AStickyDirectoryIsFineForWhatIsOurs) {
  Mode(top_ + "/lib", 01777);
  EXPECT_EQ(Check(file_), "");
  if (geteuid() != 0) GTEST_SKIP() << "the rest needs chown";
  ASSERT_EQ(chown((top_ + "/lib/plugins").c_str(), kSomebody, kSomebody), 0);
  EXPECT_THAT(Check(file_), HasSubstr(top_ + "/lib/plugins belongs to user 65534"));
}

TEST_F(TrustTest, OtherOwnersAreRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "needs chown";
  ASSERT_EQ(chown(file_.c_str(), kSomebody, kSomebody), 0);
  EXPECT_THAT(Check(file_), HasSubstr(file_ + " belongs to user 65534"));
  ASSERT_EQ(chown(file_.c_str(), 0, 0), 0);
  ASSERT_EQ(chown((top_ + "/lib").c_str(), kSomebody, kSomebody), 0);
  EXPECT_THAT(Check(file_), HasSubstr(top_ + "/lib belongs to user 65534"));
}

TEST_F(TrustTest, LinksAreFollowedAndBothSidesChecked) {
  ASSERT_TRUE(MakeDirs(top_ + "/links").ok());
  const std::string link = top_ + "/links/x.so";
  ASSERT_EQ(symlink("../lib/plugins/x.so", link.c_str()), 0);
  EXPECT_EQ(Check(link), "");
  Mode(top_ + "/links", 0777);
  EXPECT_THAT(Check(link), HasSubstr("write to " + top_ + "/links;"));
  Mode(top_ + "/links", 0755);
  Mode(top_ + "/lib", 0777);
  EXPECT_THAT(Check(link), HasSubstr("write to " + top_ + "/lib;"));
  // A link among the directories hides nothing either.
  ASSERT_EQ(symlink((top_ + "/lib/plugins").c_str(), (top_ + "/short").c_str()), 0);
  EXPECT_THAT(Check(top_ + "/short/x.so"), HasSubstr("write to " + top_ + "/lib;"));
}

TEST_F(TrustTest, ALoopOfLinksEnds) {
  ASSERT_EQ(symlink("loop", (top_ + "/loop").c_str()), 0);
  EXPECT_THAT(Check(top_ + "/loop"), HasSubstr("Too many levels"));
}

TEST_F(TrustTest, DirectoriesAboveTheProgramsOwnAreNotChecked) {
  Mode(top_, 0777);
  EXPECT_NE(Check(file_), "");
  EXPECT_EQ(Check(file_, top_), "");
  EXPECT_EQ(Check(file_, top_ + "/bin"), "");
  EXPECT_NE(Check(file_, "/usr"), "");
  EXPECT_NE(Check(file_, top_ + "x"), "");
  Mode(top_ + "/lib", 0777);
  EXPECT_THAT(Check(file_, top_), HasSubstr(top_ + "/lib;"));
}

TEST_F(TrustTest, WhatIsNoFileIsRefusedWithoutWaiting) {
  const std::string fifo = top_ + "/fifo.so";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_THAT(Check(fifo), HasSubstr("is not a regular file"));
  EXPECT_THAT(Check(top_ + "/lib"), HasSubstr("is not a regular file"));
  EXPECT_THAT(Check(top_ + "/none.so"), HasSubstr("No such file"));
  EXPECT_THAT(Check("relative/x.so"), HasSubstr("must start with /"));
}

}  // namespace
}  // namespace shoji
