// Help, completion and manual against the registry: nothing that is declared may be missing.
#include "registry.h"

#include <gmock/gmock.h>
#include <stdlib.h>
#include <unistd.h>

#include <set>
#include <sstream>

#include "arguments.h"
#include "completion.h"
#include "help.h"
#include "manual.h"
#include "roff.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"
#include "shoji/spawn/spawn.h"

namespace shoji::cli {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr std::size_t kColumns = 80;
constexpr std::size_t kLines = 24;

class Registry : public testing::Test {
 protected:
  Registry() {
    char name[] = "/tmp/registry-test-XXXXXX";
    dir_ = mkdtemp(name);
  }
  ~Registry() override { (void)RemoveTree(dir_); }
  std::string File(const std::string& name, const std::string& text) {
    const std::string path = dir_ + "/" + name;
    EXPECT_TRUE(WriteFile(path, text).ok());
    return path;
  }
  static RunResult Run(std::vector<std::string> argv) {
    SpawnOptions options;
    options.argv = std::move(argv);
    auto result = RunCommand(options, Deadline::After(std::chrono::seconds(60)));
    EXPECT_TRUE(result.ok()) << result.status().message();
    return result.ok() ? *result : RunResult();
  }
  static bool Has(const std::string& program) {
    for (const std::string dir : {"/bin/", "/usr/bin/", "/usr/local/bin/"}) {
      if (access((dir + program).c_str(), X_OK) == 0) return true;
    }
    return false;
  }
  std::string dir_;
};

void ExpectNarrow(const std::string& text) {
  for (const std::string& line : Split(text, '\n')) EXPECT_LT(line.size(), kColumns) << line;
}

TEST_F(Registry, EveryCommandSaysWhatItDoes) {
  std::set<std::string> names;
  for (const Command& command : AllCommands()) {
    EXPECT_TRUE(names.insert(command.name).second) << command.name << " is there twice";
    EXPECT_FALSE(command.summary.empty()) << command.name;
    EXPECT_EQ(command.summary.back(), '.') << command.name;
    EXPECT_LT(command.summary.size(), 60U) << command.name;
    for (const OptionDoc& option : OptionsOf(command)) {
      EXPECT_FALSE(option.help.empty()) << command.name << " --" << option.name;
      EXPECT_NE(option.value_name, "arg") << command.name << " --" << option.name;
    }
    ExpectNarrow(CommandText(command));
  }
  ExpectNarrow(AllCommandsText());
}

TEST_F(Registry, TheOverviewFitsAScreenAndNamesAll) {
  const std::string text = OverviewText();
  ExpectNarrow(text);
  EXPECT_LE(Split(text, '\n').size(), kLines) << text;
  EXPECT_THAT(text, HasSubstr("--config FILE"));
  for (const Command* command : ShownCommands()) {
    EXPECT_THAT(text, HasSubstr(NameWords(*command).back())) << command->name;
    EXPECT_THAT(AllCommandsText(), HasSubstr("  " + command->name + " ")) << command->name;
  }
  EXPECT_THAT(text, testing::Not(HasSubstr("__")));
}

TEST_F(Registry, EveryOptionIsCompletedInEveryShell) {
  const std::string bash = BashCompletion();
  const std::string zsh = ZshCompletion();
  const std::string fish = FishCompletion();
  for (const Command* command : ShownCommands()) {
    EXPECT_THAT(bash, HasSubstr("'" + command->name + "') echo "));
    EXPECT_THAT(zsh, HasSubstr("    '" + command->name + "')\n"));
    for (const OptionDoc& option : OptionsOf(*command)) {
      EXPECT_THAT(bash, HasSubstr(LongFlag(option)));
      EXPECT_THAT(zsh, HasSubstr("'*" + LongFlag(option)));
      EXPECT_THAT(fish, HasSubstr("'__shoji_in " + command->name + "' -l " + option.name + " "))
          << command->name;
    }
  }
}

TEST_F(Registry, EveryOptionIsInTheManual) {
  const std::vector<ManualPage> pages = CommandPages();
  ASSERT_EQ(pages.size(), ShownCommands().size() + 1);
  for (std::size_t i = 0; i < ShownCommands().size(); ++i) {
    const Command& command = *ShownCommands()[i];
    EXPECT_EQ(pages[i + 1].file, "shoji-" + Join(NameWords(command), "-") + ".1");
    EXPECT_THAT(pages[0].text, HasSubstr("\\fB" + RoffEscape(command.name) + "\\fR"));
    for (const OptionDoc& option : OptionsOf(command)) {
      EXPECT_THAT(pages[i + 1].text, HasSubstr(RoffEscape(LongFlag(option)) + "\\fR"))
          << command.name;
    }
  }
  for (const OptionDoc& option : OptionsBeforeCommand()) {
    EXPECT_THAT(pages[0].text, HasSubstr(RoffEscape(LongFlag(option))));
  }
}

// The program's own pages, as the build makes them, are linted in tests/e2e; this is the escaping.
TEST_F(Registry, PagesAreRoffWhateverIsInThem) {
  Roff page("ODD", "1");
  page.Section("NAME").Text("odd - .dots 'quotes' \\back \"double\" a. b. -c");
  page.Item(".hidden", "A\\B", "'start of a line. .second");
  page.Subsection("With \"quotes\"").Literal({".x", "", "'y"});
  const std::string path = File("odd.1", page.text());
  if (Has("mandoc")) {
    EXPECT_THAT(Run({"mandoc", "-T", "lint", "-W", "error", path}).output, IsEmpty());
  }
  if (!Has("groff")) GTEST_SKIP() << "groff is not installed";
  EXPECT_THAT(Run({"groff", "-man", "-Tutf8", "-ww", "-z", path}).output, IsEmpty());
  const std::string shown = Run({"groff", "-man", "-Tascii", "-P-cbou", path}).output;
  for (const char* part : {"'quotes' \\back", ".hidden", "A\\B", "'start", ".x", "'y", ".second"}) {
    EXPECT_THAT(shown, HasSubstr(part));
  }
}

TEST_F(Registry, OptionsOfPluginsAreInTheirSection) {
  OptionInfo core{"root", "path", "/run/x", "/run/x", "default", false, false, "Where it runs"};
  OptionInfo own{"store.kv.pass", "string", "", "", "default", true, false, "Secret word"};
  OptionInfo list{"store.kv.hosts", "list", "a\nb", "a\nb", "default", false, false, "Hosts."};
  PluginInfo plugin;
  plugin.kind = "store";
  plugin.id = "kv";
  const ManualPage page = ConfigPage({core, own, list}, {plugin});
  EXPECT_EQ(page.file, "shoji.toml.5");
  EXPECT_THAT(page.text, HasSubstr(".SS \"store plugin kv\"\n.TP\n\\fBstore.kv.pass\\fR\nSecret "));
  EXPECT_THAT(page.text, HasSubstr("A secret"));
  EXPECT_THAT(page.text, HasSubstr("Default: a, b."));
  EXPECT_THAT(page.text, HasSubstr("Type: a path"));
}

TEST_F(Registry, WordsAreKnownByTheirNames) {
  const auto find = [](const std::string& name) {
    for (const Command& command : AllCommands()) {
      if (command.name == name) return &command;
    }
    return static_cast<const Command*>(nullptr);
  };
  EXPECT_THAT(WordsOf(*find("run")), ElementsAre(ValueKind::kCommand));
  EXPECT_THAT(WordsOf(*find("save")), ElementsAre(ValueKind::kId, ValueKind::kDirectory));
  EXPECT_THAT(WordsOf(*find("store check")), ElementsAre(ValueKind::kStore));
  EXPECT_THAT(WordsOf(*find("network add-iface")), ElementsAre(ValueKind::kId, ValueKind::kFile));
  EXPECT_THAT(WordsOf(*find("plugin info")), ElementsAre(ValueKind::kPlugin));
  for (const OptionDoc& option : OptionsOf(*find("list"))) {
    if (option.name == "format") {
      EXPECT_THAT(option.choices, ElementsAre("table", "json"));
    }
  }
  EXPECT_THAT(SecondWordsOf("device"), ElementsAre("add", "remove", "list"));
  EXPECT_THAT(FirstWords(), Contains("device"));
  EXPECT_THAT(FirstWords(), testing::Not(Contains("__complete")));
}

TEST_F(Registry, ShellsAcceptTheScripts) {
  const std::string bash = File("bash", BashCompletion());
  EXPECT_EQ(Run({"bash", "-n", bash}).exit.code, 0);
  const RunResult zsh = Has("zsh") ? Run({"zsh", "-n", File("zsh", ZshCompletion())}) : RunResult();
  EXPECT_EQ(zsh.exit.code, 0) << zsh.output;
  const RunResult fish =
      Has("fish") ? Run({"fish", "-n", File("fish", FishCompletion())}) : RunResult();
  EXPECT_EQ(fish.exit.code, 0) << fish.output;
}

// fish reads the script when it runs it: a wrong index is told only then.
TEST_F(Registry, FishOffersCommandsAndOptions) {
  if (!Has("fish")) GTEST_SKIP() << "fish is not installed";
  const std::string file = File("fish", FishCompletion());
  const auto offers = [&](const std::string& line) {
    const std::string script = "source " + file + "; complete -C '" + line + "'";
    return Run({"fish", "--no-config", "-c", script}).output;
  };
  EXPECT_THAT(offers("shoji ru"), StartsWith("run\t"));
  EXPECT_THAT(offers("shoji run --fac"), StartsWith("--factory\t"));
  EXPECT_THAT(offers("shoji plugin in"), StartsWith("info\t"));
  EXPECT_THAT(offers("shoji --log-f"), StartsWith("--log-format\t"));
}

// What bash offers for a line; `shoji` is a function that answers `__complete`.
class Bash : public Registry {
 protected:
  // The last of `words` is being written.
  std::vector<std::string> Offers(const std::vector<std::string>& words) {
    std::string script = BashCompletion() +
                         "shoji() {\n  asked=\"$*\"\n  printf '%s\\n' \"$*\" >>" + dir_ +
                         "/asked\n  case \"${@: -1}\" in\n"
                         "    ids) printf 'web\\nweather\\ndb\\n' ;;\n"
                         "    options) printf -- '--sandbox.store=\\n--sandbox.shim=\\n' ;;\n"
                         "    stores) printf 'sqlite\\nfilesystem\\n' ;;\n  esac\n}\n"
                         "compopt() { :; }\nCOMP_WORDS=(shoji";
    for (const std::string& word : words) script += " '" + word + "'";
    script += ")\nCOMP_CWORD=" + std::to_string(words.size()) +
              "\n_shoji\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n";
    const RunResult result = Run({"bash", "--norc", File("line", script)});
    EXPECT_EQ(result.exit.code, 0) << result.output;
    std::vector<std::string> out;
    for (const std::string& line : Split(result.output, '\n')) {
      if (!line.empty()) out.push_back(line);
    }
    return out;
  }
  std::string Asked() { return ReadFile(dir_ + "/asked").value(); }
};

TEST_F(Bash, CommandsAndTheirSecondWords) {
  EXPECT_THAT(Offers({"ru"}), ElementsAre("run"));
  EXPECT_THAT(Offers({""}), testing::AllOf(Contains("plugin"), Contains("stop"),
                                           testing::Not(Contains("__complete"))));
  EXPECT_THAT(Offers({"device", ""}), ElementsAre("add", "remove", "list"));
  EXPECT_THAT(Offers({"help", "stat"}), ElementsAre("status", "stats", "state"));
}

TEST_F(Bash, OptionsOfTheCommand) {
  EXPECT_THAT(Offers({"run", "--mem"}), ElementsAre("--memory"));
  EXPECT_THAT(Offers({"gc", "--dr"}), ElementsAre("--dry-run"));
  EXPECT_THAT(Offers({"run", "-v", "/a:/b", "--mem"}), ElementsAre("--memory"));
  EXPECT_THAT(Offers({"--ro"}), ElementsAre("--root", "--rootless"));
}

TEST_F(Bash, ValuesBesideAndBehindAnEqualsSign) {
  EXPECT_THAT(Offers({"list", "--format", "j"}), ElementsAre("json"));
  EXPECT_THAT(Offers({"list", "--format", "=", "j"}), ElementsAre("json"));
  EXPECT_THAT(Offers({"list", "--format", "="}), ElementsAre("table", "json"));
  EXPECT_THAT(Offers({"list", "--format", "=", "json", "--he"}), ElementsAre("--help"));
  EXPECT_THAT(Offers({"run", "--memory", ""}), IsEmpty());
}

TEST_F(Bash, IdsAreAskedForWhereTheSandboxesAre) {
  EXPECT_THAT(Offers({"--root", "/srv/x", "stop", "we"}), ElementsAre("web", "weather"));
  EXPECT_EQ(Asked(), "--root /srv/x __complete ids\n");
  EXPECT_THAT(Offers({"stop", "--force", ""}), ElementsAre("web", "weather", "db"));
  EXPECT_THAT(Offers({"stop", "web", ""}), IsEmpty());
  EXPECT_THAT(Offers({"store", "copy", "sqlite", "f"}), ElementsAre("filesystem"));
  EXPECT_THAT(Offers({"completion", "z"}), ElementsAre("zsh"));
}

TEST_F(Bash, OptionsOfTheConfiguration) {
  EXPECT_THAT(Offers({"--sandbox.st"}), ElementsAre("--sandbox.store="));
  EXPECT_THAT(Offers({"run", "--sandbox.s"}), ElementsAre("--sandbox.store=", "--sandbox.shim="));
}

}  // namespace
}  // namespace shoji::cli
