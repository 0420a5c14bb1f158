#include "config/value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoji {
namespace {

using testing::HasSubstr;

std::string Good(OptionType type, std::string_view text) {
  const auto value = Canonical({"o", type, "", false, false, ""}, text);
  return value.ok() ? *value : "(" + value.status().message() + ")";
}

bool Bad(OptionType type, std::string_view text) {
  return Canonical({"o", type, "", false, false, ""}, text).status().code() ==
         StatusCode::kInvalidArgument;
}

TEST(Value, CanonicalForms) {
  EXPECT_EQ(Good(OptionType::kString, " a b "), " a b ");
  EXPECT_EQ(Good(OptionType::kInt, "-5"), "-5");
  EXPECT_EQ(Good(OptionType::kBool, "on"), "true");
  EXPECT_EQ(Good(OptionType::kBool, "0"), "false");
  EXPECT_EQ(Good(OptionType::kSize, "256M"), "268435456");
  EXPECT_EQ(Good(OptionType::kPath, "/a/b"), "/a/b");
  EXPECT_EQ(Good(OptionType::kPath, "qemu"), "qemu");
  EXPECT_EQ(Good(OptionType::kList, "a, b,,c"), "a\nb\nc");
  EXPECT_EQ(Good(OptionType::kList, "a,b\nc"), "a,b\nc");
  EXPECT_EQ(Good(OptionType::kDuration, "1m30s"), "90000000000");
  EXPECT_EQ(Good(OptionType::kDuration, "500ms"), "500000000");
  EXPECT_EQ(Good(OptionType::kDuration, "0"), "0");
}

TEST(Value, BadValues) {
  EXPECT_TRUE(Bad(OptionType::kInt, "1.5"));
  EXPECT_TRUE(Bad(OptionType::kInt, ""));
  EXPECT_TRUE(Bad(OptionType::kBool, "maybe"));
  EXPECT_TRUE(Bad(OptionType::kSize, "12Q"));
  EXPECT_TRUE(Bad(OptionType::kSize, "-1"));
  EXPECT_TRUE(Bad(OptionType::kPath, "a/b"));
  EXPECT_TRUE(Bad(OptionType::kPath, std::string_view("/a\0b", 4)));
  for (const char* text : {"", "10", "s", "-1s", "10 s", "1.5s", "9999999999h", "9223372036s9s"}) {
    EXPECT_TRUE(Bad(OptionType::kDuration, text)) << text;
  }
}

TEST(Value, ASecretIsNotShown) {
  for (const OptionType type : {OptionType::kInt, OptionType::kBool, OptionType::kSize,
                                OptionType::kDuration, OptionType::kPath}) {
    const auto value = Canonical({"o", type, "", true, false, ""}, "pass/word");
    ASSERT_FALSE(value.ok());
    EXPECT_THAT(value.status().message(), testing::Not(HasSubstr("word")));
  }
}

}  // namespace
}  // namespace shoji
