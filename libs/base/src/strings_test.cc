#include "shoji/base/strings.h"

#include <gmock/gmock.h>

namespace shoji {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Strings, SplitAndJoin) {
  EXPECT_THAT(Split("", ','), IsEmpty());
  EXPECT_THAT(Split("a", ','), ElementsAre("a"));
  EXPECT_THAT(Split("a,,b,", ','), ElementsAre("a", "", "b", ""));
  EXPECT_EQ(Join({"a", "b", "c"}, ", "), "a, b, c");
  EXPECT_EQ(Join({}, ","), "");
}

TEST(Strings, Trim) {
  EXPECT_EQ(Trim(" \t a b \r\n"), "a b");
  EXPECT_EQ(Trim(" \n"), "");
  EXPECT_EQ(Trim(""), "");
}

TEST(Strings, Sizes) {
  EXPECT_EQ(*ParseSize("0"), 0U);
  EXPECT_EQ(*ParseSize("512"), 512U);
  EXPECT_EQ(*ParseSize("512B"), 512U);
  EXPECT_EQ(*ParseSize("1k"), 1024U);
  EXPECT_EQ(*ParseSize("256M"), 256U << 20U);
  EXPECT_EQ(*ParseSize("256MiB"), 256U << 20U);
  EXPECT_EQ(*ParseSize("2GB"), 2ULL << 30U);
  EXPECT_EQ(*ParseSize("16777215T"), 16777215ULL << 40U);
}

TEST(Strings, WhatIsNoSize) {
  for (const char* bad : {"", "M", "-1", "+1", "1.5G", "1 G", "1X", "1Mx", "1MiBs", "0x10",
                          "16777216T", "18446744073709551616"}) {
    const auto size = ParseSize(bad);
    ASSERT_FALSE(size.ok()) << bad;
    EXPECT_EQ(size.status().code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(size.status().message(), testing::HasSubstr("\"" + std::string(bad) + "\""));
  }
}

TEST(Strings, Numbers) {
  EXPECT_EQ(*ParseInt("-42"), -42);
  EXPECT_EQ(*ParseInt("9223372036854775807"), INT64_MAX);
  for (const char* bad : {"", "1a", " 1", "+1", "9223372036854775808"}) {
    EXPECT_FALSE(ParseInt(bad).ok()) << bad;
  }
}

TEST(Strings, Suggestions) {
  const std::vector<std::string> known = {"memory", "machine", "vcpus"};
  EXPECT_EQ(Suggest("memry", known), "memory");
  EXPECT_EQ(Suggest("machin", known), "machine");
  EXPECT_EQ(Suggest("something-else", known), "");
  EXPECT_EQ(Suggest("x", {}), "");
}

}  // namespace
}  // namespace shoji
