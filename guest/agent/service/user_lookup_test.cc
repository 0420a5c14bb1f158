#include "service/user_lookup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/files.h"

namespace shoji::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class UserLookup : public ::testing::Test {
 protected:
  void SetUp() override {
    root_.Write("etc/passwd",
                "root:x:0:0:root:/root:/bin/sh\n# comment:x:9:9::\nshort:x\n"
                "web:x:33:34:www:/:/bin/sh\n100:x:77:78::/:/bin/sh\n");
    root_.Write("etc/group", "root:x:0:\nlog:x:4:web,other\nplugdev:x:46:web\ntty:x:5:\n");
  }
  Status LookUp(const std::string& uid, const std::string& gid = "",
                const std::vector<std::string>& more = {}) {
    grpc::StringUser wanted;
    wanted.set_uid(uid);
    wanted.set_gid(gid);
    for (const std::string& group : more) wanted.add_additionalgids(group);
    user_.Clear();
    return LookUpUser(root_.path(), wanted, &user_);
  }

  testing::TempDir root_;
  grpc::User user_;
};

TEST_F(UserLookup, NamesAndNumbers) {
  ASSERT_TRUE(LookUp("web").ok());
  EXPECT_EQ(user_.uid(), 33U);
  EXPECT_EQ(user_.gid(), 34U);
  EXPECT_THAT(user_.additionalgids(), ElementsAre(4, 46));
  ASSERT_TRUE(LookUp("33").ok()) << "a number the image knows has the user's groups";
  EXPECT_EQ(user_.gid(), 34U);
  ASSERT_TRUE(LookUp("12345", "678").ok()) << "numbers need not be known";
  EXPECT_EQ(user_.uid(), 12345U);
  EXPECT_EQ(user_.gid(), 678U);
  ASSERT_TRUE(LookUp("100").ok()) << "a name that looks like a number is a name";
  EXPECT_EQ(user_.uid(), 77U);
  ASSERT_TRUE(LookUp("web", "tty", {"log", "4", "99"}).ok());
  EXPECT_EQ(user_.gid(), 5U);
  EXPECT_THAT(user_.additionalgids(), ElementsAre(4, 99));
  ASSERT_TRUE(LookUp("").ok());
  EXPECT_EQ(user_.uid(), 0U);
}

TEST_F(UserLookup, UnknownNames) {
  for (const char* uid : {"nobody", "-1", "4294967296", "short", "# comment"}) {
    const Status status = LookUp(uid);
    EXPECT_EQ(status.code(), StatusCode::kNotFound) << uid;
    EXPECT_THAT(status.message(), HasSubstr(uid));
  }
  EXPECT_EQ(LookUp("web", "nogroup").code(), StatusCode::kNotFound);
  EXPECT_EQ(LookUp("web", "", {"nogroup"}).code(), StatusCode::kNotFound);
  grpc::User user;
  EXPECT_FALSE(LookUpUser("/no/such/root", {}, &user).ok());
}

TEST_F(UserLookup, LinksStayInside) {
  testing::TempDir outside;
  outside.Write("passwd", "evil:x:666:666::/:/bin/sh\n");
  std::filesystem::remove(root_ / "etc/passwd");
  std::filesystem::create_symlink(outside / "passwd", root_ / "etc/passwd");
  EXPECT_EQ(LookUp("evil").code(), StatusCode::kNotFound);
  ASSERT_TRUE(LookUp("33").ok());
  EXPECT_EQ(user_.gid(), 0U);
}

}  // namespace
}  // namespace shoji::agent
