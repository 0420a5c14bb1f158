#include "plugin/secrets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "shoji/base/file.h"

namespace shoji {
namespace {

using testing::HasSubstr;
using testing::Not;

class SecretsTest : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/test-secret-XXXXXX";
    ASSERT_NE(mkdtemp(path), nullptr);
    dir_ = path;
  }
  void TearDown() override { EXPECT_TRUE(RemoveTree(dir_).ok()); }
  std::string File(const std::string& text, mode_t mode = 0600) {
    const std::string path = dir_ + "/token";
    EXPECT_TRUE(WriteFile(path, text, mode).ok());
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return "file:" + path;
  }
  static std::string Read(const std::string& reference) {
    const Result<Secret> secret = ReadSecret(reference);
    return secret.ok() ? secret->text() : "error: " + secret.status().message();
  }
  static StatusCode CodeOf(const std::string& reference) {
    return ReadSecret(reference).status().code();
  }
  std::string dir_;
};

TEST_F(SecretsTest, EachWayToName) {
  EXPECT_EQ(Read(File("hunter2\n")), "hunter2");
  EXPECT_EQ(Read(File("two\nlines\n\n")), "two\nlines\n");
  EXPECT_EQ(Read(File("crlf\r\n", 0400)), "crlf");
  EXPECT_EQ(Read(File("")), "");
  EXPECT_EQ(Read("text:file:/x"), "file:/x");
  EXPECT_EQ(Read("plain"), "plain");
  EXPECT_EQ(Read(""), "");
  setenv("TEST_SECRET", "from env", 1);
  EXPECT_EQ(Read("env:TEST_SECRET"), "from env");
  unsetenv("TEST_SECRET");
  EXPECT_EQ(CodeOf("env:TEST_SECRET"), StatusCode::kNotFound);
}

TEST_F(SecretsTest, FilesOthersMayReadAreRefused) {
  for (const mode_t mode : {0640U, 0604U, 0660U, 0700U | 0010U}) {
    EXPECT_EQ(CodeOf(File("x", mode)), StatusCode::kPermissionDenied) << mode;
  }
  EXPECT_THAT(Read(File("x", 0644)), HasSubstr("run chmod go="));
}

TEST_F(SecretsTest, BadReferences) {
  EXPECT_EQ(CodeOf("file:token"), StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf("file:"), StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf("file:" + dir_ + "/none"), StatusCode::kNotFound);
  EXPECT_EQ(CodeOf("file:" + dir_), StatusCode::kInvalidArgument);
  ASSERT_EQ(mkfifo((dir_ + "/fifo").c_str(), 0600), 0);
  EXPECT_EQ(CodeOf("file:" + dir_ + "/fifo"), StatusCode::kInvalidArgument);
  EXPECT_EQ(Read(File(std::string(65536, 'x') + "\n")).size(), 65536U);
  EXPECT_EQ(CodeOf(File(std::string(65537, 'x'))), StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(File(std::string(1 << 20, 'x'))), StatusCode::kInvalidArgument);
  const Status status = ReadSecret("text:" + std::string(65537, 'q')).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), Not(HasSubstr("qq")));
}

}  // namespace
}  // namespace shoji
