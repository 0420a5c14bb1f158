#include "arguments.h"

#include <gmock/gmock.h>

namespace shoji::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

CommandLine Parsed(const std::vector<std::string>& args) {
  auto line = ParseCommandLine(args);
  EXPECT_TRUE(line.ok()) << line.status().message();
  return line.ok() ? *line : CommandLine();
}

std::string Error(const std::vector<std::string>& args) {
  const auto line = ParseCommandLine(args);
  EXPECT_FALSE(line.ok());
  return line.status().message();
}

TEST(Arguments, OptionsOfTheContainersCommandAreNotOurs) {
  const CommandLine line = Parsed({"run", "-i", "sh", "-c", "exit 7", "--help"});
  EXPECT_EQ(line.command, &AllCommands()[0]);
  EXPECT_TRUE(line.invocation.Has("interactive"));
  EXPECT_FALSE(line.help);
  EXPECT_THAT(line.invocation.words, ElementsAre("sh", "-c", "exit 7", "--help"));
}

TEST(Arguments, TwoDashesEndTheOptionsOnce) {
  EXPECT_THAT(Parsed({"run", "--", "-x", "--", "y"}).invocation.words,
              ElementsAre("-x", "--", "y"));
}

TEST(Arguments, LettersMayBeGrouped) {
  const Invocation invocation = Parsed({"run", "-it", "-e", "A=b", "-eC=d", "sh"}).invocation;
  EXPECT_TRUE(invocation.Has("interactive"));
  EXPECT_TRUE(invocation.Has("tty"));
  EXPECT_THAT(invocation.Texts("env"), ElementsAre("A=b", "C=d"));
  EXPECT_THAT(invocation.words, ElementsAre("sh"));
}

TEST(Arguments, ValuesMayFollowOrBeJoined) {
  const Invocation invocation =
      Parsed({"run", "--env", "A=b", "--env=C=d", "--memory=1G", "x"}).invocation;
  EXPECT_THAT(invocation.Texts("env"), ElementsAre("A=b", "C=d"));
  EXPECT_EQ(invocation.Text("memory"), "1G");
}

TEST(Arguments, OverridesAreTakenBeforeAndAfterTheCommand) {
  const CommandLine line =
      Parsed({"--store.filesystem.path=/x", "run", "--hypervisor.qemu.memory", "1G", "true"});
  EXPECT_THAT(line.invocation.global.overrides, ElementsAre(Pair("store.filesystem.path", "/x"),
                                                            Pair("hypervisor.qemu.memory", "1G")));
}

TEST(Arguments, GlobalFlagsBecomeOverrides) {
  const CommandLine line = Parsed({"--root", "/tmp/x", "--debug", "list"});
  EXPECT_THAT(line.invocation.global.overrides, ElementsAre(Pair("root", "/tmp/x")));
  EXPECT_TRUE(line.invocation.global.debug);
}

TEST(Arguments, CommandsOfTwoWords) {
  EXPECT_EQ(Parsed({"plugin", "list", "--format", "json"}).command->name, "plugin list");
}

TEST(Arguments, OptionsMayFollowAnId) {
  const Invocation invocation = Parsed({"delete", "web", "--force", "--format=json"}).invocation;
  EXPECT_TRUE(invocation.Has("force"));
  EXPECT_TRUE(invocation.json());
  EXPECT_THAT(invocation.words, ElementsAre("web"));
  EXPECT_THAT(Parsed({"exec", "web", "ls", "--force"}).invocation.words,
              ElementsAre("web", "ls", "--force"));
}

TEST(Arguments, EmptyWordsOfTheCommandSurvive) {
  EXPECT_THAT(Parsed({"run", "--", "echo", "", "a"}).invocation.words,
              ElementsAre("echo", "", "a"));
}

TEST(Arguments, WrongWordsAreNamedWithASuggestion) {
  EXPECT_THAT(Error({"rum", "x"}), HasSubstr("unknown command \"rum\"; did you mean run?"));
  EXPECT_THAT(Error({"run", "--memry=1G", "x"}), HasSubstr("did you mean --memory?"));
  EXPECT_THAT(Error({"run", "-Z", "x"}), HasSubstr("unknown option -Z"));
  EXPECT_THAT(Error({"list", "--format", "yaml"}), HasSubstr("\"yaml\" is not known"));
  EXPECT_THAT(Error({"run", "--memory"}), HasSubstr("--memory needs a value"));
  EXPECT_THAT(Error({"plugin"}), HasSubstr("\"plugin\" is followed by one of list, info, "));
  EXPECT_THAT(Error({"run", "--hypervisor.qemu.memory"}), HasSubstr("needs a value"));
}

TEST(Arguments, HelpAndVersion) {
  EXPECT_TRUE(Parsed({}).help);
  EXPECT_TRUE(Parsed({"--version"}).version);
  EXPECT_TRUE(Parsed({"run", "--help"}).help);
  EXPECT_TRUE(Parsed({"help", "run"}).help);
  EXPECT_TRUE(Parsed({"help", "all"}).help_all);
  EXPECT_THAT(HelpText(Parsed({})), HasSubstr("plugin list|"));
  EXPECT_THAT(HelpText(Parsed({"run", "-h"})), HasSubstr("--volume"));
}

}  // namespace
}  // namespace shoji::cli
