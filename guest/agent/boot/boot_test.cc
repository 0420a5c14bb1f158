// What the boot reads: the kernel's command line and the list of modules.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "boot/command_line.h"
#include "boot/modules.h"

namespace shoji::agent {
namespace {

using ::testing::ElementsAre;

TEST(CommandLine, TakesItsOwnWordsOnly) {
  const AgentOptions options = ParseCommandLine(
      "quiet agent.log=debug agent.hotplug_timeout=500ms root=x agent.container_pipe_size=65536 "
      "agent.devmode agent.unknown=1 panic=1\n");
  EXPECT_EQ(options.log_level, LogLevel::kDebug);
  EXPECT_EQ(options.hotplug_timeout, std::chrono::milliseconds(500));
  EXPECT_EQ(options.container_pipe_size, 65536U);
  EXPECT_TRUE(options.devmode);
  EXPECT_FALSE(options.debug_console);
  EXPECT_TRUE(options.complaints.empty());
}

TEST(CommandLine, ComplainsAndKeepsTheDefaults) {
  const AgentOptions options =
      ParseCommandLine("agent.log=loud agent.hotplug_timeout=-3s agent.container_pipe_size=big");
  EXPECT_THAT(options.complaints, ElementsAre("agent.log=loud", "agent.hotplug_timeout=-3s",
                                              "agent.container_pipe_size=big"));
  EXPECT_EQ(options.hotplug_timeout, std::chrono::seconds(3));
  EXPECT_TRUE(ParseCommandLine("").complaints.empty());
}

TEST(CommandLine, VsockConsoleAndLog) {
  const AgentOptions options = ParseCommandLine(
      "agent.use_vsock=true agent.log_vport=1025 agent.debug_console agent.log=warn "
      "agent.debug_console_vport=1026 agent.trace agent.trace=collated "
      "agent.unified_cgroup_hierarchy=false");
  EXPECT_EQ(options.use_vsock, true);
  EXPECT_EQ(options.log_vport, 1025U);
  EXPECT_EQ(options.debug_vport, 1026U);
  EXPECT_EQ(options.log_level, LogLevel::kWarning);
  EXPECT_TRUE(options.debug_console);
  EXPECT_TRUE(options.complaints.empty());
  EXPECT_THAT(options.idle, ElementsAre("agent.trace", "agent.trace=collated",
                                        "agent.unified_cgroup_hierarchy=false"));
  EXPECT_EQ(ParseCommandLine("agent.devmode agent.log=error").log_level, LogLevel::kDebug);
  const AgentOptions bad = ParseCommandLine(
      "agent.use_vsock=maybe agent.log_vport=0 agent.debug_console_vport=4294967295");
  EXPECT_EQ(bad.complaints.size(), 3U);
  EXPECT_FALSE(bad.use_vsock || bad.log_vport || bad.debug_vport);
}

TEST(Log, LevelAndTap) {
  std::string seen;
  SetLogTap([&seen](std::string_view line) { seen += line; });
  Log(LogLevel::kDebug, "too little");
  SetLogLevel(LogLevel::kDebug);
  Log(LogLevel::kDebug, "enough");
  SetLogLevel(LogLevel::kInfo);
  SetLogTap(nullptr);
  Log(LogLevel::kInfo, "untapped");
  EXPECT_EQ(seen, "<7>shoji-agent: enough\n");
}

TEST(Modules, ByName) {
  auto list = ModuleList::Parse("x /m/dep-one.ko\nx /m/the-thing.ko\nx /m/after.ko\ny /m/z.ko\n");
  ASSERT_TRUE(list.ok());
  EXPECT_THAT(list->PathsFor("the_thing"), ElementsAre("/m/dep-one.ko", "/m/the-thing.ko"));
  EXPECT_THAT(list->PathsFor("z"), ElementsAre("/m/z.ko"));
  EXPECT_TRUE(list->PathsFor("thing").empty());
  const Status missing = list->LoadByName("no-such-module-anywhere", "a=1");
  EXPECT_EQ(missing.code(), StatusCode::kNotFound);
  EXPECT_THAT(missing.message(), ::testing::HasSubstr("no-such-module-anywhere"));
  EXPECT_EQ(list->LoadByName("../x", "").code(), StatusCode::kInvalidArgument);
}

TEST(Modules, FeaturesInOrder) {
  const auto list =
      ModuleList::Parse("# first\nboot\t/a.ko\nboot /b.ko\n\n9p\t/c.ko\nboot /d.ko\n");
  ASSERT_TRUE(list.ok());
  EXPECT_THAT(list->PathsOf("boot"), ElementsAre("/a.ko", "/b.ko", "/d.ko"));
  EXPECT_THAT(list->PathsOf("9p"), ElementsAre("/c.ko"));
  EXPECT_TRUE(list->PathsOf("ext4").empty());
}

TEST(Modules, RefusesOtherLines) {
  for (const char* bad : {"/a.ko", "boot", "later a.ko"}) {
    const auto list = ModuleList::Parse(bad);
    EXPECT_EQ(list.status().code(), StatusCode::kInvalidArgument) << bad;
    EXPECT_THAT(list.status().message(), ::testing::HasSubstr(bad));
  }
}

TEST(Modules, AMissingFileIsNamed) {
  auto list = ModuleList::Parse("boot /no/such.ko");
  ASSERT_TRUE(list.ok());
  const Status status = list->Load("boot");
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_THAT(status.message(), ::testing::HasSubstr("/no/such.ko"));
  EXPECT_TRUE(list->Load("not-in-the-list").ok());
}

}  // namespace
}  // namespace shoji::agent
