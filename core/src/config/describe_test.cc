#include "config/describe.h"

#include <gtest/gtest.h>

#include "config/value.h"

namespace shoji {
namespace {

TEST(DescribeTest, ReadableIsWhatCanonicalTakes) {
  for (const auto& [type, text, readable] :
       std::initializer_list<std::tuple<OptionType, const char*, const char*>>{
           {OptionType::kSize, "256M", "256M"},
           {OptionType::kSize, "1024K", "1M"},
           {OptionType::kSize, "1000", "1000"},
           {OptionType::kSize, "0", "0"},
           {OptionType::kDuration, "120s", "2m"},
           {OptionType::kDuration, "1m30s", "90s"},
           {OptionType::kDuration, "1500us", "1500us"},
           {OptionType::kDuration, "7ns", "7ns"},
           {OptionType::kDuration, "0", "0"},
           {OptionType::kBool, "yes", "true"},
           {OptionType::kInt, "-5", "-5"},
           {OptionType::kList, "a, b", "a\nb"},
           {OptionType::kString, "", ""},
           {OptionType::kPath, "/a b", "/a b"}}) {
    OptionSpec spec;
    spec.name = "x";
    spec.type = type;
    const auto canonical = Canonical(spec, text);
    ASSERT_TRUE(canonical.ok()) << text;
    EXPECT_EQ(Readable(type, *canonical), readable);
    EXPECT_EQ(*Canonical(spec, readable), *canonical);
  }
}

TEST(DescribeTest, SecretsAreNotTold) {
  OptionSpec spec;
  spec.name = "store.x.password";
  spec.secret = true;
  spec.default_value = "canary";
  Config::Sources sources;
  sources.use_environment = false;
  for (const bool set : {false, true}) {
    if (set) sources.overrides = {{"store.x.password", "canary"}};
    const auto config = Config::Load({spec}, sources);
    ASSERT_TRUE(config.ok());
    const auto options = DescribeValues(*config);
    ASSERT_EQ(options.size(), 1U);
    EXPECT_EQ(options[0].value, "");
    EXPECT_EQ(options[0].default_value, "");
    EXPECT_EQ(options[0].set, set);
    EXPECT_EQ(options[0].origin, set ? "command line" : "default");
  }
}

}  // namespace
}  // namespace shoji
