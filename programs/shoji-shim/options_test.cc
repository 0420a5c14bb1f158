#include "options.h"

#include <gmock/gmock.h>

namespace shoji::shim {
namespace {

using Words = std::vector<std::string>;
const Words kNeeded = {"-agent", "unix:///run/p.sock", "-container", "c1", "-exec-id", "e1"};

Words With(const Words& more) {
  Words all = kNeeded;
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

TEST(ShimOptions, AsKataRuntimeCallsIt) {
  const auto options = ParseOptions(
      With({"-terminal", "-log", "debug", "-agent-logs-socket", "/x", "-trace", "-debug"}));
  ASSERT_TRUE(options.ok()) << options.status().message();
  EXPECT_EQ(options->agent, "unix:///run/p.sock");
  EXPECT_EQ(options->container_id, "c1");
  EXPECT_EQ(options->exec_id, "e1");
  EXPECT_TRUE(options->terminal);
  EXPECT_TRUE(options->pass_exit_code);
  EXPECT_FALSE(ParseOptions(With({"-proxy-exit-code=false"}))->pass_exit_code);
  EXPECT_TRUE(ParseOptions({"--version"})->version);
  EXPECT_TRUE(ParseOptions({"-h"})->help);
}

TEST(ShimOptions, WhatIsWrongIsNamed) {
  const std::pair<Words, const char*> cases[] = {
      {{}, "-agent is missing"},
      {{"-agent", "unix:///x"}, "-container is missing"},
      {{"-agent", "unix:///x", "-container", "c"}, "-exec-id is missing"},
      {With({"-colour"}), "-colour"},
      {With({"-log"}), "-log needs a value"},
      {With({"-terminal=perhaps"}), "\"perhaps\""},
      {With({"word"}), "\"word\" is no flag"},
  };
  for (const auto& [words, named] : cases) {
    const auto options = ParseOptions(words);
    EXPECT_EQ(options.status().code(), StatusCode::kInvalidArgument) << named;
    EXPECT_THAT(options.status().message(), testing::HasSubstr(named));
  }
}

}  // namespace
}  // namespace shoji::shim
