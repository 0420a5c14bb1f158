#include "script.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoji::mock {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string ErrorOf(std::string_view text) {
  const auto script = Script::Parse(text);
  if (script.ok()) return "";
  EXPECT_EQ(script.status().code(), StatusCode::kInvalidArgument);
  return script.status().message();
}

// One character for each of the first six calls: "." when nothing happens.
std::string Pattern(Script& script, std::string_view slot) {
  std::string out;
  for (int i = 0; i < 6; ++i) out += script.Next(slot).has_value() ? 'x' : '.';
  return out;
}

TEST(ScriptTest, NothingHappensWithoutOne) {
  for (const char* text : {"", "  ", ";", " ; ;"}) {
    const auto script = Script::Parse(text);
    ASSERT_TRUE(script.ok()) << text;
    EXPECT_EQ(Pattern(**script, "start"), "......");
  }
}

TEST(ScriptTest, CountsTheCallsOfEachSlot) {
  const auto script =
      Script::Parse("start:2:UNKNOWN; stop:2-4:UNKNOWN;pids:3+:UNKNOWN ; create:*:UNKNOWN");
  ASSERT_TRUE(script.ok()) << script.status().message();
  EXPECT_EQ(Pattern(**script, "start"), ".x....");
  EXPECT_EQ(Pattern(**script, "stop"), ".xxx..");
  EXPECT_EQ(Pattern(**script, "pids"), "..xxxx");
  EXPECT_EQ(Pattern(**script, "create"), "xxxxxx");
  EXPECT_EQ(Pattern(**script, "destroy"), "......");
}

TEST(ScriptTest, TellsWhatHappens) {
  const auto script = Script::Parse(
      "start:1:UNAVAILABLE: no: more ;start:*:late-DATA_LOSS;stop:1:hang;save_state:1:partial;"
      "pause:1:kill;resume:1:kill-after");
  ASSERT_TRUE(script.ok()) << script.status().message();
  const Fault first = (*script)->Next("start").value();
  EXPECT_EQ(first.effect, Effect::kFail);
  EXPECT_EQ(first.code, StatusCode::kUnavailable);
  EXPECT_EQ(first.text, "no: more");
  const Fault second = (*script)->Next("start").value();
  EXPECT_EQ(second.effect, Effect::kLate);
  EXPECT_EQ(second.code, StatusCode::kDataLoss);
  EXPECT_THAT(second.text, HasSubstr("start"));
  EXPECT_EQ((*script)->Next("stop")->effect, Effect::kHang);
  EXPECT_EQ((*script)->Next("save_state")->effect, Effect::kPartial);
  EXPECT_EQ((*script)->Next("pause")->effect, Effect::kKill);
  EXPECT_EQ((*script)->Next("resume")->effect, Effect::kKillAfter);
}

TEST(ScriptTest, BadOnesAreRefusedWithTheirPlace) {
  EXPECT_THAT(ErrorOf("strat:1:UNKNOWN"), HasSubstr("character 1: \"strat\" is no slot; did you"));
  EXPECT_THAT(ErrorOf("start:1:hang; xyzzy:1:hang"), StartsWith("script, character 15: \"xyzzy\""));
  EXPECT_THAT(ErrorOf("start:0:hang"), HasSubstr("character 7: \"0\" says no calls"));
  EXPECT_THAT(ErrorOf("start::hang"), HasSubstr("character 7: \"\" says no calls"));
  EXPECT_THAT(ErrorOf("start:-1:hang"), HasSubstr("character 7:"));
  EXPECT_THAT(ErrorOf("start:+:hang"), HasSubstr("character 7:"));
  EXPECT_THAT(ErrorOf("start:2-:hang"), HasSubstr("character 9:"));
  EXPECT_THAT(ErrorOf("start:4-2:hang"), HasSubstr("character 7: \"4-2\" ends before it begins"));
  EXPECT_THAT(ErrorOf("start:1:BROKEN"), HasSubstr("character 9: \"BROKEN\" is no fault"));
  EXPECT_THAT(ErrorOf("start:1:OK"), HasSubstr("character 9:"));
  EXPECT_THAT(ErrorOf("start:1:late-"), HasSubstr("character 9:"));
  EXPECT_THAT(ErrorOf("start:1"), HasSubstr("character 1: \"start:1\" is no SLOT:CALLS:FAULT"));
  EXPECT_THAT(ErrorOf("start:1:hang:text"), HasSubstr("character 14: only a failure has a text"));
  EXPECT_THAT(ErrorOf("start:1:UNKNOWN:"), HasSubstr("the text is empty"));
}

TEST(ScriptTest, FaultsThatASlotCannotHaveAreRefused) {
  EXPECT_THAT(ErrorOf("pids:1:hang"), HasSubstr("cannot hang"));
  EXPECT_THAT(ErrorOf("start:1:partial"), HasSubstr("no result that could be cut"));
  EXPECT_THAT(ErrorOf("create:1:kill"), HasSubstr("no VM yet"));
  EXPECT_THAT(ErrorOf("attach:1:kill-after"), HasSubstr("no VM yet"));
}

}  // namespace
}  // namespace shoji::mock
