#include "report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace shoji::validate {
namespace {

using testing::HasSubstr;
using testing::Not;

class ReportTest : public testing::Test {
 protected:
  ReportTest() {
    target_.path = "/p/store-kv.so";
    target_.seed = 9;
    checks_ = {{"a-check", "about a", 3, "", {}, {}},
               {"b-check", "about b", 4, "", {}, {}},
               {"c-check", "about c", 5, "proxy", {}, {}}};
    report_.target = &target_;
    report_.records = {{&checks_[0], CheckResult::kPass, "", {}, 12},
                       {&checks_[1], CheckResult::kFail, "says \"<no>\" & \xff", {}, 1234},
                       {&checks_[2], CheckResult::kSkip, "is about plugins of kind proxy", {}, 0}};
  }
  Target target_;
  std::vector<Check> checks_;
  Report report_;
};

TEST_F(ReportTest, TextShowsRuleReasonAndSum) {
  const std::string text = Render(report_, Format::kText);
  EXPECT_THAT(text, HasSubstr("seed 9\n"));
  EXPECT_THAT(text, HasSubstr("pass    a-check\n"));
  EXPECT_THAT(text, HasSubstr("fail    b-check (rule 4): says"));
  EXPECT_THAT(text, Not(HasSubstr("c-check")));
  EXPECT_THAT(text, HasSubstr("1 pass, 1 fail, 0 crash, 1 skip, 0 warning, 0 waived: does not"));
}

TEST_F(ReportTest, JsonHoldsEverything) {
  const auto json = nlohmann::json::parse(Render(report_, Format::kJson));
  EXPECT_EQ(json["seed"], 9);
  EXPECT_EQ(json["conforms"], false);
  EXPECT_EQ(json["counts"]["fail"], 1);
  EXPECT_EQ(json["checks"].size(), 3U);
  EXPECT_EQ(json["checks"][1]["result"], "fail");
  EXPECT_EQ(json["checks"][1]["milliseconds"], 1234);
}

TEST_F(ReportTest, JunitIsWellFormed) {
  const std::string xml = Render(report_, Format::kJunit);
  EXPECT_THAT(xml, HasSubstr("tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\""));
  EXPECT_THAT(xml,
              HasSubstr("time=\"1.234\"><failure message=\"says &quot;&lt;no&gt;&quot; &amp; ?"));
}

TEST_F(ReportTest, OnlyFailuresAndCrashesMatter) {
  report_.records[1].result = CheckResult::kWarning;
  EXPECT_TRUE(report_.conforms());
  report_.records[1].result = CheckResult::kWaived;
  EXPECT_TRUE(report_.conforms());
  report_.records[1].result = CheckResult::kCrash;
  EXPECT_FALSE(report_.conforms());
}

}  // namespace
}  // namespace shoji::validate
