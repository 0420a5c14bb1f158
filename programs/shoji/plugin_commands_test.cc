// The program itself with plugins that are good, bad, and deadly.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>

#include "shoji/base/file.h"
#include "shoji/spawn/spawn.h"

namespace {

using shoji::RunResult;
using testing::HasSubstr;

const std::string kPlugins = SHOJI_TEST_PLUGIN_DIR;

class PluginCommands : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/test-plugins-XXXXXX";
    ASSERT_NE(mkdtemp(path), nullptr);
    dir_ = path;
    ASSERT_EQ(chmod(path, 0755), 0);
    config_ = File("c.toml", "");
    // Some of the programs crash on purpose.
    const rlimit no_core{0, 0};
    ASSERT_EQ(setrlimit(RLIMIT_CORE, &no_core), 0);
  }
  void TearDown() override { EXPECT_TRUE(shoji::RemoveTree(dir_).ok()); }

  std::string File(const std::string& name, const std::string& bytes) {
    EXPECT_TRUE(shoji::WriteFile(dir_ + "/" + name, bytes).ok());
    return dir_ + "/" + name;
  }
  static std::string Bytes(const std::string& plugin) {
    return shoji::ReadFile(kPlugins + "/" + plugin).value();
  }
  RunResult Shoji(const std::vector<std::string>& words, const std::vector<std::string>& env = {}) {
    shoji::SpawnOptions options;
    options.argv = {SHOJI_PROGRAM, "--config",     config_,
                    "--root",      dir_ + "/root", "--plugins.path=" + kPlugins};
    options.argv.insert(options.argv.end(), words.begin(), words.end());
    options.env = env;
    auto result = shoji::RunCommand(options, shoji::Deadline::After(std::chrono::seconds(100)));
    EXPECT_TRUE(result.ok()) << result.status().message();
    return result.ok() ? std::move(result).value() : RunResult{};
  }
  // `check` of a file; the line with the reason.
  std::string Reason(const std::string& file) {
    const RunResult result = Shoji({"plugin", "check", file});
    EXPECT_EQ(result.exit.code, 1) << file << ": " << result.output;
    const std::size_t at = result.output.find("\nreason");
    if (at == std::string::npos) return "none in " + result.output;
    return result.output.substr(at + 1, result.output.find('\n', at + 1) - at - 1);
  }
  // One line on stderr and the status of a failure.
  void ExpectOneLine(const RunResult& result, const std::string& part) {
    EXPECT_EQ(result.exit.code, 125) << result.output;
    EXPECT_THAT(result.output, HasSubstr(part));
    EXPECT_EQ(std::count(result.output.begin(), result.output.end(), '\n'), 1) << result.output;
  }

  std::string dir_;
  std::string config_;
};

TEST_F(PluginCommands, ACrashNamesThePlugin) {
  const RunResult aborts = Shoji({"--sandbox.store=aborts", "list"});
  EXPECT_EQ(aborts.exit.signal, SIGABRT);
  EXPECT_EQ(aborts.output,
            "shoji: plugin \"store aborts\" (" + kPlugins + "/bad-aborts.so) crashed in open()\n");
  const RunResult faults = Shoji({"--sandbox.store=segfaults", "list"});
  EXPECT_EQ(faults.exit.signal, SIGSEGV);
  EXPECT_THAT(faults.output, HasSubstr("shoji: plugin \"store segfaults\" (" + kPlugins +
                                       "/bad-segfaults.so) crashed in open()\n"));
}

TEST_F(PluginCommands, APluginThatHangsEndsInTime) {
  ExpectOneLine(Shoji({"--sandbox.store=hangs", "--plugins.open_timeout=100ms", "list"}),
                "plugin store hangs (" + kPlugins + "/bad-hangs.so) did not open within 100 ms");
  // In the dynamic loader, which then cannot even end the process in the usual way.
  ExpectOneLine(Shoji({"--sandbox.store=constructor", "--plugins.open_timeout=100ms", "list"},
                      {"BAD_CONSTRUCTOR=hang"}),
                "plugin store constructor (" + kPlugins + "/bad-constructor.so) did not open");
}

TEST_F(PluginCommands, OtherBadPluginsGiveOneLine) {
  for (const auto& [id, part] : {std::pair{"throws", "an exception left shoji_plugin_open_v1"},
                                 {"fails", "no licence on this machine"},
                                 {"mute", "failed with UNAVAILABLE and no message"},
                                 {"nonsense", "unknown code -12345"},
                                 {"empty", "gave no get_interface"},
                                 {"liar", "although its note announces it"},
                                 {"undefined", "undefined symbol"},
                                 {"abi", "needs plugin ABI 7 to 9"},
                                 {"exports", "e.g. another_export"},
                                 {"protobuf", "exports symbols of protobuf"},
                                 {"draft", "uses the draft"},
                                 {"table-size", "which is no size"}}) {
    ExpectOneLine(Shoji({std::string("--sandbox.store=") + id, "list"}), part);
  }
}

TEST_F(PluginCommands, CheckSaysWhy) {
  const std::string good = Bytes("good.so");
  EXPECT_THAT(Reason(File("text.so", "hello")), HasSubstr("not an ELF file"));
  EXPECT_THAT(Reason(File("empty.so", "")), HasSubstr("not an ELF file"));
  EXPECT_THAT(Reason(File("torn.so", good.substr(0, good.size() / 2))), HasSubstr("cut off"));
  std::string other = good;
  other[18] = 8;  // e_machine: MIPS
  EXPECT_THAT(Reason(File("mips.so", other)), HasSubstr("built for another machine"));
  EXPECT_THAT(Reason(kPlugins + "/bad-note.so"), HasSubstr("no Shoji plugin note"));
  EXPECT_THAT(Reason(kPlugins + "/bad-entry.so"), HasSubstr("does not export"));
  EXPECT_THAT(Reason(kPlugins + "/bad-kind.so"), HasSubstr("teapot"));
  EXPECT_THAT(Reason(kPlugins + "/bad-interface.so"), HasSubstr("does not announce"));
  EXPECT_THAT(Reason("/no/such.so"), HasSubstr("No such file"));
  EXPECT_THAT(Reason(dir_), HasSubstr("not a regular file"));
  const std::string loose = File("loose.so", good);
  ASSERT_EQ(chmod(loose.c_str(), 0666), 0);
  EXPECT_THAT(Reason(loose), HasSubstr("chmod go-w"));
  ASSERT_TRUE(shoji::MakeDirs(dir_ + "/open").ok());
  const std::string inside = File("open/x.so", good);
  ASSERT_EQ(symlink(inside.c_str(), (dir_ + "/link.so").c_str()), 0);
  ASSERT_EQ(chmod((dir_ + "/open").c_str(), 0777), 0);
  EXPECT_THAT(Reason(inside), HasSubstr(dir_ + "/open;"));
  EXPECT_THAT(Reason(dir_ + "/link.so"), HasSubstr(dir_ + "/open;"));
}

TEST_F(PluginCommands, CheckRunsNothing) {
  const std::string mark = dir_ + "/loaded";
  const RunResult result =
      Shoji({"plugin", "check", kPlugins + "/bad-constructor.so"}, {"BAD_CONSTRUCTOR=" + mark});
  EXPECT_EQ(result.exit.code, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("status      ok"));
  EXPECT_EQ(Shoji({"plugin", "list"}, {"BAD_CONSTRUCTOR=" + mark}).exit.code, 0);
  EXPECT_FALSE(shoji::PathExists(mark));
}

TEST_F(PluginCommands, InfoShowsOptionsWithTheirOrigin) {
  config_ = File("d.toml", "[store.good]\nsize = \"2M\"\ntoken = \"hunter2\"\n");
  const RunResult table = Shoji({"plugin", "info", "store/good"});
  EXPECT_EQ(table.exit.code, 0) << table.output;
  for (const std::string& part :
       {std::string("vendor      Tester"), std::string("ABI         1 to 2"),
        std::string("shoji.store/1 (minor 0)"), std::string("owner: "), config_ + ":2",
        std::string("2097152"), std::string("(hidden)"), kPlugins + "/good.so"}) {
    EXPECT_THAT(table.output, HasSubstr(part));
  }
  EXPECT_THAT(table.output, testing::Not(HasSubstr("hunter2")));
  const RunResult json = Shoji({"plugin", "info", "--format=json", "good"});
  EXPECT_THAT(json.output, HasSubstr("\"origin\": \"" + config_ + ":2\""));
  EXPECT_THAT(json.output, testing::Not(HasSubstr("hunter2")));
  ExpectOneLine(Shoji({"plugin", "info", "nosuch"}), "there are: ");
  ExpectOneLine(Shoji({"plugin", "info"}), "takes one id");
}

// The section is right and the file is there: the error has to tell what is wrong with it.
TEST_F(PluginCommands, TheSectionOfAnUnreadablePluginLeadsToIt) {
  const std::string loose = File("store-kv.so", Bytes("good.so"));
  ASSERT_EQ(chmod(loose.c_str(), 0666), 0);
  config_ = File("d.toml", "[store.kv]\npath = \"/x\"\n");
  const RunResult result = Shoji({"--plugins.path=" + dir_, "list"});
  ExpectOneLine(result, "d.toml:2: unknown option \"store.kv.path\"; " + loose +
                            " is refused: others than its owner may write to");
}

}  // namespace
