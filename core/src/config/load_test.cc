#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "config/config.h"
#include "config/files.h"
#include "config/paths.h"
#include "shoji/base/file.h"

namespace shoji {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

std::vector<OptionSpec> Specs() {
  std::vector<OptionSpec> specs = CoreOptions();
  specs.push_back({"hypervisor.qemu.memory", OptionType::kSize, "256M", false, false, ""});
  specs.push_back({"hypervisor.qemu.vcpus", OptionType::kInt, "1", false, false, ""});
  specs.push_back({"hypervisor.qemu.hugepages", OptionType::kBool, "false", false, false, ""});
  specs.push_back({"store.kv.token", OptionType::kString, "", true, false, ""});
  return specs;
}

class ConfigTest : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/shoji-config-XXXXXX";
    ASSERT_NE(mkdtemp(path), nullptr);
    dir_ = path;
    sources_.use_environment = false;
  }
  void TearDown() override { EXPECT_TRUE(RemoveTree(dir_).ok()); }

  std::string File(const std::string& name, const std::string& text) {
    EXPECT_TRUE(WriteFile(dir_ + "/" + name, text).ok());
    return dir_ + "/" + name;
  }
  Config LoadGood() {
    Result<Config> config = Config::Load(Specs(), sources_);
    EXPECT_TRUE(config.ok()) << config.status().message();
    return config.ok() ? std::move(config).value() : Config();
  }
  // The error for one file of this text, without the directory.
  std::string ErrorOf(const std::string& text) {
    sources_.files = {File("c.toml", text)};
    const Status status = Config::Load(Specs(), sources_).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << text;
    const std::string start = dir_ + "/";
    EXPECT_EQ(status.message().compare(0, start.size(), start), 0) << status.message();
    return status.message().substr(std::min(start.size(), status.message().size()));
  }

  std::string dir_;
  Config::Sources sources_;
};

TEST_F(ConfigTest, DefaultsAreCanonical) {
  const Config config = LoadGood();
  EXPECT_EQ(config.Get("sandbox.hypervisor"), "qemu");
  EXPECT_EQ(config.GetDuration("sandbox.boot_timeout"), std::chrono::seconds(120));
  EXPECT_EQ(config.GetSize("hypervisor.qemu.memory"), 256U << 20U);
  EXPECT_EQ(config.values().at("root").origin, "default");
  EXPECT_THAT(config.GetList("plugins.path"), IsEmpty());
}

TEST_F(ConfigTest, LaterSourcesWinAndTellWhere) {
  ASSERT_TRUE(MakeDirs(dir_ + "/conf.d").ok());
  const std::string main = File("c.toml",
                                "root = \"/r\"\n[hypervisor.qemu]\nmemory = \"64M\"\n"
                                "vcpus = 2\nhugepages = true\n"
                                "[plugins]\npath = [\"/p,1\", \"/p2\"]\n");
  File("conf.d/20.toml", "hypervisor.qemu.memory = 1024\n");
  File("conf.d/10.toml", "[hypervisor.qemu]\nmemory = \"1M\"\nvcpus = 3\n");
  File("conf.d/ignored.txt", "not toml at all [[[");
  sources_.files = {main, dir_ + "/conf.d"};
  sources_.overrides = {{"hypervisor.qemu.vcpus", "4"}};
  const Config config = LoadGood();
  EXPECT_EQ(config.GetSize("hypervisor.qemu.memory"), 1024U);
  EXPECT_EQ(config.values().at("hypervisor.qemu.memory").origin, dir_ + "/conf.d/20.toml:1");
  EXPECT_EQ(config.GetInt("hypervisor.qemu.vcpus"), 4);
  EXPECT_EQ(config.values().at("hypervisor.qemu.vcpus").origin, "command line");
  EXPECT_TRUE(config.GetBool("hypervisor.qemu.hugepages"));
  EXPECT_EQ(config.values().at("hypervisor.qemu.hugepages").origin, main + ":5");
  EXPECT_THAT(config.GetList("plugins.path"), ElementsAre("/p,1", "/p2"));
  EXPECT_THAT(config.Section("hypervisor.qemu"),
              ElementsAre(Pair("memory", "1024"), Pair("vcpus", "4"), Pair("hugepages", "true")));
}

TEST_F(ConfigTest, EnvironmentLiesBetweenFilesAndOverrides) {
  sources_.files = {File("c.toml", "[hypervisor.qemu]\nmemory = \"64M\"\n")};
  sources_.use_environment = true;
  setenv("SHOJI_HYPERVISOR_QEMU_MEMORY", "32M", 1);
  setenv("SHOJI_NO_SUCH_OPTION", "1", 1);
  setenv("SHOJI_SANDBOX_DIR", "/x", 1);
  const Config config = LoadGood();
  setenv("SHOJI_HYPERVISOR_QEMU_MEMORY", "much", 1);
  const Status bad = Config::Load(Specs(), sources_).status();
  unsetenv("SHOJI_HYPERVISOR_QEMU_MEMORY");
  unsetenv("SHOJI_NO_SUCH_OPTION");
  unsetenv("SHOJI_SANDBOX_DIR");
  EXPECT_EQ(config.GetSize("hypervisor.qemu.memory"), 32U << 20U);
  EXPECT_EQ(config.values().at("hypervisor.qemu.memory").origin, "environment");
  EXPECT_THAT(config.warnings(), ElementsAre(HasSubstr("SHOJI_NO_SUCH_OPTION")));
  EXPECT_THAT(bad.message(), HasSubstr("environment: option \"hypervisor.qemu.memory\": \"much\""));
}

TEST_F(ConfigTest, ErrorsNameFileLineOptionAndWhatToWrite) {
  EXPECT_EQ(ErrorOf("\n[hypervisor.qemu]\nmemry = \"1M\"\n"),
            "c.toml:3: unknown option \"hypervisor.qemu.memry\"; "
            "did you mean \"hypervisor.qemu.memory\"?");
  EXPECT_EQ(ErrorOf("[hypervisor.qemu]\nmemory = \"much\"\n"),
            "c.toml:2: option \"hypervisor.qemu.memory\": \"much\" is not a size; write bytes or a "
            "number with K, M, G or T");
  EXPECT_EQ(ErrorOf("sandbox = 1\n"),
            "c.toml:1: unknown option \"sandbox\"; that is a section, write [sandbox]");
  EXPECT_EQ(ErrorOf("[hypervisor.qemu]\nvcpus = 1.5\n"),
            "c.toml:2: option \"hypervisor.qemu.vcpus\" is a number with a fraction; it must be of "
            "type int");
  EXPECT_EQ(ErrorOf("[hypervisor]\nqemu.vcpus = [1]\n"),
            "c.toml:2: option \"hypervisor.qemu.vcpus\" is a list; it must be of type int");
  EXPECT_EQ(ErrorOf("root = 5\n"),
            "c.toml:1: option \"root\" is a number; it must be of type path");
  EXPECT_EQ(ErrorOf("[plugins]\npath = [\"/a\", [\"/b\"]]\n"),
            "c.toml:2: option \"plugins.path\" is a table, a date or a nested list; it must be of "
            "type list");
  EXPECT_EQ(ErrorOf("[sandbox]\nboot_timeout = 10\n"),
            "c.toml:2: option \"sandbox.boot_timeout\": \"10\" is not a duration; write a number "
            "with its unit, e.g. 500ms, 10s, 2m");
  EXPECT_THAT(ErrorOf("[store.nothing.like.that]\nxyzzy = 1\n"),
              HasSubstr("c.toml:2: unknown option \"store.nothing.like.that.xyzzy\"; neither"));
  EXPECT_THAT(ErrorOf("root = \"/a\"\nroot = \"/b\"\n"), HasSubstr("c.toml:2: not valid TOML: "));
  EXPECT_THAT(ErrorOf("root = \n"), HasSubstr("c.toml:1: not valid TOML: "));
  EXPECT_THAT(ErrorOf("[store.kv]\ntoken = 1234567\n"), testing::Not(HasSubstr("1234567")));
}

TEST_F(ConfigTest, NamesOfTheOperatorsChoosing) {
  const std::string file = File("c.toml",
                                "[plugins.pins]\n\"store.com.example.kv\" = \"sha256:1\"\n"
                                "[plugins.pins.factory]\nx = \"sha256:2\"\n"
                                "[plugins.keys.me]\nkey = \"RW\"\nkinds = [\"store\", \"shim\"]\n");
  sources_.files = {file};
  sources_.overrides = {{"plugins.pins.factory.x", "sha256:3"}};
  const Config config = LoadGood();
  const auto pins = config.Entries("plugins.pins.*");
  ASSERT_EQ(pins.size(), 2U);
  EXPECT_EQ(pins[0].key, "factory.x");
  EXPECT_EQ(pins[0].value.text, "sha256:3");
  EXPECT_EQ(pins[0].value.origin, "command line");
  EXPECT_EQ(pins[1].key, "store.com.example.kv");
  EXPECT_EQ(pins[1].value.origin, file + ":2");
  const auto kinds = config.Entries("plugins.keys.*.kinds");
  ASSERT_EQ(kinds.size(), 1U);
  EXPECT_EQ(kinds[0].key, "me");
  EXPECT_EQ(kinds[0].value.text, "store\nshim");
  EXPECT_THAT(config.Entries("plugins.keys.*.vendor"), IsEmpty());
  EXPECT_EQ(config.values().count("plugins.pins.*"), 0U);
}

TEST_F(ConfigTest, ErrorsOfChosenNames) {
  EXPECT_EQ(ErrorOf("[plugins.keys.me]\nvndor = \"x\"\n"),
            "c.toml:2: unknown option \"plugins.keys.me.vndor\"; did you mean "
            "\"plugins.keys.me.vendor\"?");
  EXPECT_EQ(ErrorOf("plugins.pins = 1\n"),
            "c.toml:1: unknown option \"plugins.pins\"; that is a section, write [plugins.pins]");
  EXPECT_EQ(ErrorOf("[plugins.pins]\nx = 5\n"),
            "c.toml:2: option \"plugins.pins.x\" is a number; it must be of type string");
  EXPECT_THAT(ErrorOf("[plugins.keys.a.b]\nkey = \"x\"\n"), HasSubstr("unknown option"));
  EXPECT_THAT(ErrorOf("[plugins.pins]\n\"\" = \"x\"\n"), HasSubstr("unknown option"));
  EXPECT_THAT(ErrorOf("plugins.pins.\"*\" = \"x\"\n"), HasSubstr("unknown option"));
}

TEST_F(ConfigTest, PatternsMatchWholeParts) {
  EXPECT_EQ(MatchPattern("a.*", "a.b.c"), "b.c");
  EXPECT_EQ(MatchPattern("a.*.x", "a.b.x"), "b");
  EXPECT_EQ(MatchPattern("a.*.x", "a.b.c.x"), "");
  EXPECT_EQ(MatchPattern("a.*.x", "a..x"), "");
  EXPECT_EQ(MatchPattern("a.*.x", "a.x"), "");
  EXPECT_EQ(MatchPattern("a.*", "a."), "");
  EXPECT_EQ(MatchPattern("a.*", "b.c"), "");
}

TEST_F(ConfigTest, SomebodyMayKnowWhyAnOptionIsUnknown) {
  sources_.explain_unknown = [](const std::string& name) {
    return name == "store.x.path" ? std::string("/p/x.so is refused: torn") : std::string();
  };
  EXPECT_EQ(ErrorOf("[store.x]\npath = \"/\"\n"),
            "c.toml:2: unknown option \"store.x.path\"; /p/x.so is refused: torn");
  EXPECT_THAT(ErrorOf("rot = \"/\"\n"), HasSubstr("did you mean \"root\""));
}

// "a.b-c" and "a.b_c": nobody can say which one the variable means.
TEST_F(ConfigTest, AVariableOfTwoOptionsIsAnErrorWhenItIsSet) {
  std::vector<OptionSpec> specs = Specs();
  specs.push_back({"store.my-kv.path", OptionType::kPath, "", false, false, ""});
  specs.push_back({"store.my.kv.path", OptionType::kPath, "", false, false, ""});
  sources_.use_environment = true;
  EXPECT_TRUE(Config::Load(specs, sources_).ok());
  setenv("SHOJI_STORE_MY_KV_PATH", "/x", 1);
  const Status status = Config::Load(specs, sources_).status();
  unsetenv("SHOJI_STORE_MY_KV_PATH");
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(),
              HasSubstr("SHOJI_STORE_MY_KV_PATH could mean option \"store.my-kv.path\" or "
                        "\"store.my.kv.path\""));
}

TEST_F(ConfigTest, AnOptionOfAnotherSectionIsFoundByItsLastWord) {
  EXPECT_THAT(ErrorOf("[sandbox]\nmemory = \"1M\"\n"),
              HasSubstr("unknown option \"sandbox.memory\"; did you mean "
                        "\"hypervisor.qemu.memory\"?"));
}

TEST_F(ConfigTest, UnknownOverridesAreErrorsToo) {
  sources_.overrides = {{"hypervisor.qemu.vcpu", "4"}};
  EXPECT_EQ(Config::Load(Specs(), sources_).status().message(),
            "command line: unknown option \"hypervisor.qemu.vcpu\"; did you mean "
            "\"hypervisor.qemu.vcpus\"?");
}

TEST_F(ConfigTest, TheFirstPassLeavesForeignOptionsAlone) {
  sources_.files = {File("c.toml", "root = \"/r\"\n[hypervisor.qemu]\nmemry = \"1M\"\n")};
  sources_.overrides = {{"store.x.y", "1"}};
  sources_.declared_only = true;
  const Result<Config> config = Config::Load(CoreOptions(), sources_);
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(config->Get("root"), "/r");
}

TEST_F(ConfigTest, MissingFilesAreErrorsUnlessTheyAreTheDefaults) {
  sources_.files = {dir_ + "/none.toml"};
  const Status status = Config::Load(Specs(), sources_).status();
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr(dir_ + "/none.toml"));
  sources_.missing_files_are_errors = false;
  EXPECT_TRUE(Config::Load(Specs(), sources_).ok());
}

TEST_F(ConfigTest, FindSuggests) {
  const Config config = LoadGood();
  EXPECT_EQ(config.Find("root").value(), "/run/shoji");
  const Status status = config.Find("sandbox.hypervisr").status();
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr("did you mean \"sandbox.hypervisor\""));
}

TEST_F(ConfigTest, AnOptionDeclaredTwiceIsADefect) {
  std::vector<OptionSpec> specs = Specs();
  specs.push_back(specs.back());
  EXPECT_EQ(Config::Load(specs, sources_).status().code(), StatusCode::kInternal);
}

TEST_F(ConfigTest, EmptyPathsMeanTheInstalledFiles) {
  const Config config = LoadGood();
  EXPECT_THAT(GuestKernelPath(config), testing::EndsWith("/share/shoji/guest/vmlinux"));
  EXPECT_THAT(PluginDirs(config), ElementsAre(testing::EndsWith("/lib/shoji/plugins")));
  sources_.overrides = {{"guest.kernel", "/k"}, {"plugins.path", "/a,/b"}};
  const Config given = LoadGood();
  EXPECT_EQ(GuestKernelPath(given), "/k");
  EXPECT_THAT(PluginDirs(given), ElementsAre("/a", "/b"));
}

}  // namespace
}  // namespace shoji
