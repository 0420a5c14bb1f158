#include "oci/user.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shoji/base/file.h"
#include "testing/fake_plugins.h"

namespace shoji {
namespace {

class UserTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(MakeDirs(dir_.path() + "/etc").ok());
    ASSERT_TRUE(WriteFile(dir_.path() + "/etc/passwd",
                          "root:x:0:0:root:/root:/bin/sh\n"
                          "broken line\n"
                          "web:x:33:34:web:/var/www:/bin/sh\n")
                    .ok());
    ASSERT_TRUE(WriteFile(dir_.path() + "/etc/group",
                          "root:x:0:\nadm:x:4:other,web\nweb:x:34:\nlogs:x:50:web\n")
                    .ok());
  }
  Result<User> Find(const std::string& who, const std::vector<std::string>& more = {}) {
    return LookUpUser(dir_.path(), who, more);
  }
  testing::TempDir dir_;
};

TEST_F(UserTest, EmptyIsRoot) {
  const auto user = Find("");
  ASSERT_TRUE(user.ok());
  EXPECT_EQ(user->uid, 0U);
  EXPECT_EQ(user->home, "/root");
}

TEST_F(UserTest, NameBringsItsGroups) {
  for (const char* who : {"web", "33"}) {
    const auto user = Find(who, {"7", "logs"});
    ASSERT_TRUE(user.ok());
    EXPECT_EQ(user->uid, 33U);
    EXPECT_EQ(user->gid, 34U);
    EXPECT_EQ(user->groups, (std::vector<std::uint32_t>{4, 50, 7}));
    EXPECT_EQ(user->home, "/var/www");
  }
}

TEST_F(UserTest, GivenGroupReplacesMemberships) {
  const auto user = Find("web:adm");
  ASSERT_TRUE(user.ok());
  EXPECT_EQ(user->gid, 4U);
  EXPECT_TRUE(user->groups.empty());
  EXPECT_EQ(Find("1000:1001")->gid, 1001U);
  EXPECT_EQ(Find("1000")->home, "/");
}

TEST_F(UserTest, UnknownNamesAreTold) {
  EXPECT_EQ(Find("foo").status().message(), "no such user \"foo\" in /etc/passwd of the rootfs");
  EXPECT_EQ(Find("web:foo").status().message(),
            "no such group \"foo\" in /etc/group of the rootfs");
  EXPECT_EQ(Find("-1").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(Find("4294967295").status().code(), StatusCode::kNotFound);
}

TEST_F(UserTest, SymbolicLinkCannotLeaveTheRootfs) {
  const std::string passwd = dir_.path() + "/etc/passwd";
  testing::TempDir outside;
  ASSERT_TRUE(WriteFile(outside.path() + "/passwd", "evil:x:5:5::/:/bin/sh\n").ok());
  for (const std::string& target :
       {outside.path() + "/passwd", "../../../../../.." + outside.path() + "/passwd"}) {
    ASSERT_EQ(unlink(passwd.c_str()), 0);
    ASSERT_EQ(symlink(target.c_str(), passwd.c_str()), 0);
    EXPECT_EQ(Find("evil").status().code(), StatusCode::kNotFound);
  }
}

TEST_F(UserTest, SpecialFileIsRefusedWithoutWaiting) {
  const std::string passwd = dir_.path() + "/etc/passwd";
  ASSERT_EQ(unlink(passwd.c_str()), 0);
  ASSERT_EQ(mkfifo(passwd.c_str(), 0600), 0);
  EXPECT_EQ(Find("root").status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace shoji
