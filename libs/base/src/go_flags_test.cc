#include "shoji/base/go_flags.h"

#include <gtest/gtest.h>

namespace shoji {
namespace {

struct Values {
  std::string text = "before";
  bool on = false;

  Status Parse(const std::vector<std::string>& arguments) {
    GoFlags flags;
    flags.Text("text", &text);
    flags.Bool("on", &on);
    return flags.Parse(arguments);
  }
};

TEST(GoFlags, EveryForm) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"-text", "a=b"},
                                                {"--text", "a=b"},
                                                {"-text=a=b"},
                                                {"--text=a=b"},
                                                {"-on=0", "-text", "x", "-text", "a=b"}}) {
    Values values;
    ASSERT_TRUE(values.Parse(words).ok());
    EXPECT_EQ(values.text, "a=b");
    EXPECT_FALSE(values.on);
  }
  Values values;
  ASSERT_TRUE(values.Parse({"-text", "-on", "-on"}).ok()) << "a value may look like a flag";
  EXPECT_EQ(values.text, "-on");
  EXPECT_TRUE(values.on);
}

TEST(GoFlags, WhatIsNotGivenStays) {
  Values values;
  ASSERT_TRUE(values.Parse({}).ok());
  EXPECT_EQ(values.text, "before");
}

TEST(GoFlags, WrongOnes) {
  for (const char* word : {"-text", "-other", "-other=1", "word", "-", "--", "-on=perhaps", ""}) {
    EXPECT_EQ(Values().Parse({word}).code(), StatusCode::kInvalidArgument) << word;
  }
}

}  // namespace
}  // namespace shoji
