#include "waivers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoji::validate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

const std::vector<std::string> kKnown = {"store-scan-order", "keeps-umask", "plugin-opens"};

Result<Waivers> Parse(const std::string& text) { return ParseWaivers(text, "w.toml", kKnown); }

TEST(Waivers, NeedACheckAndAReason) {
  const auto good = Parse("[[waiver]]\ncheck = \"keeps-umask\"\nreason = \" later \"\n");
  ASSERT_TRUE(good.ok()) << good.status().message();
  EXPECT_THAT(*good, ElementsAre(Pair("keeps-umask", "later")));
  EXPECT_TRUE(Parse("").value().empty());
  EXPECT_THAT(Parse("[[waiver]]\ncheck = \"keeps-umask\"\n").status().message(),
              HasSubstr("w.toml:1: the waiver of keeps-umask has no reason"));
  EXPECT_THAT(Parse("[[waiver]]\ncheck = \"keeps-umask\"\nreason = \"  \"\n").status().message(),
              HasSubstr("has no reason"));
  EXPECT_THAT(Parse("[[waiver]]\nreason = \"x\"\n").status().message(), HasSubstr("no check"));
  EXPECT_THAT(Parse("[[waiver]]\ncheck = \"keeps-umsk\"\nreason = \"x\"\n").status().message(),
              HasSubstr("did you mean keeps-umask?"));
  EXPECT_THAT(Parse("[[waiver]]\ncheck = \"plugin-opens\"\nreson = \"x\"\n").status().message(),
              HasSubstr("w.toml:3: unknown key \"reson\""));
  EXPECT_THAT(Parse("[waiver]\ncheck = 1\n").status().message(), HasSubstr("[[waiver]]"));
  EXPECT_THAT(Parse("[[waiver\n").status().message(), HasSubstr("w.toml:1: "));
}

TEST(Waivers, TurnFailuresAndTellWhatIsNotNeeded) {
  std::vector<Check> checks(3);
  for (std::size_t i = 0; i < checks.size(); ++i) checks[i].name = kKnown[i];
  std::vector<Record> records = {{&checks[0], CheckResult::kFail, "bad", {}, 0},
                                 {&checks[1], CheckResult::kPass, "", {}, 0},
                                 {&checks[2], CheckResult::kCrash, "SIGSEGV", {}, 0}};
  const auto unused =
      ApplyWaivers({{"store-scan-order", "known"}, {"keeps-umask", "old"}}, &records);
  EXPECT_THAT(unused, ElementsAre("keeps-umask"));
  EXPECT_EQ(records[0].result, CheckResult::kWaived);
  EXPECT_EQ(records[0].reason, "bad (waived: known)");
  EXPECT_EQ(records[2].result, CheckResult::kCrash);
}

}  // namespace
}  // namespace shoji::validate
