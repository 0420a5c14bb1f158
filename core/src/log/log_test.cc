#include "log/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

namespace shoji {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(Log, TheSinkGetsLinesOfTheLevelAndAbove) {
  std::vector<std::pair<LogLevel, std::string>> lines;
  Logger log(LogLevel::kInfo,
             [&](LogLevel level, const std::string& text) { lines.emplace_back(level, text); });
  log.Debug("no");
  log.Info("{} is no format");
  log.Error("two\nlines");
  EXPECT_THAT(lines, ElementsAre(Pair(LogLevel::kInfo, "{} is no format"),
                                 Pair(LogLevel::kError, "two lines")));
  EXPECT_FALSE(log.Enabled(LogLevel::kDebug));
  EXPECT_TRUE(log.Enabled(LogLevel::kWarn));
}

TEST(Log, OffWritesNothingAndASinkThatThrowsDoesNoHarm) {
  int lines = 0;
  Logger off(LogLevel::kOff, [&](LogLevel, const std::string&) { ++lines; });
  off.Error("x");
  EXPECT_EQ(lines, 0);
  Logger bad(LogLevel::kInfo, [](LogLevel, const std::string&) { throw std::runtime_error("x"); });
  bad.Error("x");
}

TEST(Log, StderrLinesHaveTimeLevelAndText) {
  testing::internal::CaptureStderr();
  { Logger(LogLevel::kWarn, {}).Warn("careful"); }
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              testing::MatchesRegex("[0-9]+-[0-9]+-[0-9]+T[0-9:.]+Z warn.* +careful\n"));
}

TEST(Log, LevelNames) {
  EXPECT_EQ(ParseLogLevel("error").value(), LogLevel::kError);
  EXPECT_EQ(ParseLogLevel("off").value(), LogLevel::kOff);
  EXPECT_EQ(ParseLogLevel("loud").status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace shoji
