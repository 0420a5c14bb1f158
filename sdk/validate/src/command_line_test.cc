#include "command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoji::validate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

std::string ErrorOf(const std::vector<std::string>& arguments) {
  const auto line = ParseCommandLine(arguments);
  return line.ok() ? std::string("no error") : line.status().message();
}

TEST(CommandLine, TakesEverything) {
  const auto line =
      ParseCommandLine({"--include", "^a", "--include=b", "--option", "x=1=2", "--format", "junit",
                        "--timeout", "7", "--seed", "42", "--jobs", "3", "p.so"});
  ASSERT_TRUE(line.ok()) << line.status().message();
  EXPECT_EQ(line->plugin, "p.so");
  EXPECT_THAT(line->include, ElementsAre("^a", "b"));
  EXPECT_THAT(line->options, ElementsAre(Pair("x", "1=2")));
  EXPECT_EQ(line->format, Format::kJunit);
  EXPECT_EQ(line->run.timeout, std::chrono::seconds(7));
  EXPECT_EQ(line->run.jobs, 3U);
  EXPECT_EQ(line->seed, 42U);
  EXPECT_FALSE(line->run.in_process);
  EXPECT_TRUE(ParseCommandLine({"list"})->list);
  EXPECT_TRUE(ParseCommandLine({"--help"})->help);
}

TEST(CommandLine, RefusesWithAWord) {
  EXPECT_THAT(ErrorOf({}), HasSubstr("no plugin is given"));
  EXPECT_THAT(ErrorOf({"a.so", "b.so"}), HasSubstr("\"b.so\" is too much"));
  EXPECT_THAT(ErrorOf({"--colour", "a.so"}), HasSubstr("colour"));
  EXPECT_THAT(ErrorOf({"--incl", "x", "a.so"}), HasSubstr("incl"));
  EXPECT_THAT(ErrorOf({"--include", "(", "a.so"}), HasSubstr("not a regular expression"));
  EXPECT_THAT(ErrorOf({"--timeout", "0", "a.so"}), HasSubstr("\"0\" is not a number"));
  EXPECT_THAT(ErrorOf({"--timeout", "-5", "a.so"}), HasSubstr("--timeout"));
  EXPECT_THAT(ErrorOf({"--format", "xml", "a.so"}), HasSubstr("\"xml\" is unknown"));
  EXPECT_THAT(ErrorOf({"--option", "x", "a.so"}),
              HasSubstr("\"x\" of the plugin is not NAME=VALUE"));
  EXPECT_THAT(ErrorOf({"--option-file", "/nowhere/x", "a.so"}), HasSubstr("/nowhere/x"));
}

}  // namespace
}  // namespace shoji::validate
