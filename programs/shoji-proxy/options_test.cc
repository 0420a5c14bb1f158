#include "options.h"

#include <gmock/gmock.h>

namespace shoji::proxy {
namespace {

using ::testing::HasSubstr;
using Words = std::vector<std::string>;

const Words kSockets = {"-listen-socket", "unix:///run/p.sock", "-mux-socket", "/run/k.sock"};

Words With(const Words& more) {
  Words all = kSockets;
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

TEST(Options, AsKataRuntimeCallsIt) {
  const auto options = ParseOptions(
      With({"-sandbox", "s1", "-log", "debug", "-agent-logs-socket", "/run/console.sock"}));
  ASSERT_TRUE(options.ok()) << options.status().message();
  EXPECT_EQ(options->listen, "/run/p.sock");
  EXPECT_EQ(options->serial, "/run/k.sock");
  EXPECT_EQ(options->sandbox, "s1");
  EXPECT_EQ(options->console, "/run/console.sock");
  EXPECT_EQ(options->log_level, LogLevel::kDebug);
}

TEST(Options, FormsOfAFlag) {
  const auto options =
      ParseOptions({"--listen-socket=/a", "-mux-socket=unix:///b", "--sandbox", "x=y", "-debug"});
  ASSERT_TRUE(options.ok()) << options.status().message();
  EXPECT_EQ(options->listen, "/a");
  EXPECT_EQ(options->serial, "/b");
  EXPECT_EQ(options->sandbox, "x=y");
  EXPECT_EQ(options->log_level, LogLevel::kDebug);
  EXPECT_EQ(ParseOptions(With({"-debug=false"}))->log_level, LogLevel::kWarn);
  EXPECT_EQ(ParseOptions(With({"-log", "trace", "-debug"}))->log_level, LogLevel::kTrace);
  EXPECT_TRUE(ParseOptions({"-version"})->version);
  EXPECT_TRUE(ParseOptions({"-help"})->help);
}

struct Bad {
  Words words;
  const char* named;
};

TEST(Options, WhatIsWrongIsNamed) {
  const Bad cases[] = {
      {{}, "-listen-socket is missing"},
      {{"-listen-socket", "/a"}, "-mux-socket is missing"},
      {With({"-sandbox"}), "-sandbox needs a value"},
      {With({"-colour", "red"}), "-colour"},
      {With({"-colour=red"}), "-colour"},
      {With({"word"}), "\"word\" is no flag"},
      {With({"-log", "loud"}), "\"loud\""},
      {With({"-debug=maybe"}), "\"maybe\""},
      {{"-listen-socket", "tcp://1.2.3.4:5", "-mux-socket", "/b"}, "tcp://1.2.3.4:5"},
      {{"-listen-socket", "", "-mux-socket", "/b"}, "-listen-socket is missing"},
      {{"-listen-socket", "relative", "-mux-socket", "/b"}, "relative"},
  };
  for (const Bad& bad : cases) {
    const auto options = ParseOptions(bad.words);
    ASSERT_FALSE(options.ok()) << bad.named;
    EXPECT_EQ(options.status().code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(options.status().message(), HasSubstr(bad.named));
  }
}

TEST(Options, UsageNamesEveryFlag) {
  for (const char* flag : {"-listen-socket", "-mux-socket", "-sandbox", "-log", "-debug",
                           "-agent-logs-socket", "-version"}) {
    EXPECT_THAT(Usage(), HasSubstr(flag));
  }
}

}  // namespace
}  // namespace shoji::proxy
