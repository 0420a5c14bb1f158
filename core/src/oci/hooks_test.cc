#include "oci/hooks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <nlohmann/json.hpp>

#include "shoji/base/file.h"
#include "shoji/base/strings.h"
#include "shoji/spawn/spawn.h"
#include "testing/fake_plugins.h"

namespace shoji {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
constexpr auto kLimit = std::chrono::seconds(20);

class HooksTest : public ::testing::Test {
 protected:
  static Hook Shell(const std::string& script) {
    Hook hook;
    hook.path = "/bin/sh";
    hook.args = {"sh", "-c", script};
    return hook;
  }
  std::string File(const std::string& name) const { return dir_.path() + "/" + name; }
  std::string Text(const std::string& name) const {
    auto text = ReadFile(File(name));
    return text.ok() ? *text : "";
  }

  testing::TempDir dir_;
  const HookState state_ = {"c1", "creating", 42, "/bundle", {{"org.example.a", "b"}}};
};

TEST_F(HooksTest, GetsTheStateOnStdin) {
  ASSERT_TRUE(RunHooks({Shell("cat > " + File("state"))}, "prestart", state_, kLimit).ok());
  EXPECT_EQ(json::parse(Text("state")),
            json::parse(R"({"ociVersion": "1.0.2", "id": "c1", "status": "creating", "pid": 42,
                            "bundle": "/bundle", "annotations": {"org.example.a": "b"}})"));
  EXPECT_EQ(json::parse(FormatState({"c1", "stopped", 0, "", {}})),
            json::parse(R"({"ociVersion": "1.0.2", "id": "c1", "status": "stopped",
                            "bundle": ""})"));
}

TEST_F(HooksTest, HasExactlyTheEnvironmentAndArguments) {
  Hook hook = Shell("");
  hook.path = "/usr/bin/env";
  hook.args = {"env", "sh", "-c", "cat /proc/$$/environ > " + File("e")};
  hook.envs = {"PATH=/usr/bin:/bin", "A=1"};
  ASSERT_TRUE(RunHooks({hook}, "prestart", state_, kLimit).ok());
  EXPECT_EQ(Text("e"), std::string("PATH=/usr/bin:/bin\0A=1\0", 23));
  Hook named = Shell("echo $0 $1 > " + File("args"));
  named.args.insert(named.args.end(), {"zero", "one"});
  ASSERT_TRUE(RunHooks({named}, "prestart", state_, kLimit).ok());
  EXPECT_EQ(Text("args"), "zero one\n");
}

TEST_F(HooksTest, RunsInOrderUntilOneFails) {
  const auto note = [&](const std::string& text) {
    return Shell("echo " + text + " >> " + File("order"));
  };
  const Status failed = RunHooks({note("1"), Shell("echo no luck >&2; exit 3"), note("2")},
                                 "prestart", state_, kLimit);
  EXPECT_EQ(failed.code(), StatusCode::kAborted);
  EXPECT_EQ(failed.message(),
            "prestart hook 1 (/bin/sh) of container \"c1\": exit status 3: no luck");
  EXPECT_EQ(Text("order"), "1\n");
}

TEST_F(HooksTest, AllRunAndFailuresAreReported) {
  std::vector<std::string> reports;
  RunAllHooks({Shell("exit 1"), Shell("kill -9 $$"), Shell("echo ran > " + File("last"))},
              "poststop", state_, kLimit,
              [&](const std::string& text) { reports.push_back(text); });
  ASSERT_EQ(reports.size(), 2U);
  EXPECT_THAT(reports[1], HasSubstr("poststop hook 1"));
  EXPECT_THAT(reports[1], HasSubstr("signal 9"));
  EXPECT_EQ(Text("last"), "ran\n");
}

TEST_F(HooksTest, TimeLimitKillsTheProcessGroup) {
  Hook hook = Shell("sleep 1000 & echo $! > " + File("pid") + "; wait");
  hook.timeout_s = 1;
  const Status late = RunHooks({hook}, "prestart", state_, kLimit);
  EXPECT_EQ(late.code(), StatusCode::kDeadlineExceeded);
  EXPECT_THAT(late.message(), HasSubstr("within 1 s"));
  const auto pid = ParseInt(Trim(Text("pid")));
  ASSERT_TRUE(pid.ok());
  const auto fd = OpenPidfd(static_cast<pid_t>(*pid));  // init may reap it a moment later
  struct pollfd ended = {fd.ok() ? fd->get() : -1, POLLIN, 0};
  EXPECT_TRUE(!fd.ok() || poll(&ended, 1, 10'000) == 1);
}

TEST_F(HooksTest, NamesWhatCannotBeRun) {
  Hook hook;
  hook.path = "/no/such/hook";
  const Status missing = RunHooks({hook}, "prestart", state_, kLimit);
  EXPECT_EQ(missing.code(), StatusCode::kNotFound);
  EXPECT_THAT(missing.message(), HasSubstr("/no/such/hook"));
}

TEST_F(HooksTest, ComeFromTheSpecificationThenFromTheConfiguration) {
  ContainerConfig config;
  config.hooks.prestart = {Shell("true")};
  config.oci_spec = R"({"hooks": {
      "createRuntime": [{"path": "/b"}], "prestart": [{"path": "/a", "timeout": 7}],
      "createContainer": [{"path": "/c"}], "startContainer": [{"path": "/d"}],
      "poststop": [{"path": "/e", "args": ["e", "f"], "env": ["A=b"]}], "poststart": null}})";
  const auto hooks = HooksOf(config);
  ASSERT_TRUE(hooks.ok()) << hooks.status().message();
  ASSERT_EQ(hooks->hooks.prestart.size(), 2U);
  EXPECT_EQ(hooks->hooks.prestart[0].path, "/a");
  EXPECT_EQ(hooks->hooks.prestart[0].timeout_s, 7U);
  EXPECT_FALSE(hooks->hooks.prestart[0].envs.empty());  // ours
  EXPECT_EQ(hooks->hooks.prestart[1].path, "/bin/sh");
  ASSERT_EQ(hooks->create_runtime.size(), 1U);
  EXPECT_EQ(hooks->create_runtime[0].path, "/b");
  ASSERT_EQ(hooks->hooks.poststop.size(), 1U);
  EXPECT_EQ(hooks->hooks.poststop[0].args, (std::vector<std::string>{"e", "f"}));
  EXPECT_EQ(hooks->hooks.poststop[0].envs, std::vector<std::string>{"A=b"});
  EXPECT_EQ(hooks->create_container.size(), 1U);
  EXPECT_TRUE(HooksOf(ContainerConfig())->hooks.prestart.empty());
}

TEST_F(HooksTest, BadOnesAreRefusedByName) {
  const struct {
    const char* spec;
    const char* text;
  } cases[] = {
      {R"({"hooks": []})", "hooks of the OCI"},
      {R"({"hooks": {"prestart": {}}})", "hooks.prestart"},
      {R"({"hooks": {"prestart": [3]}})", "hooks.prestart[0]"},
      {R"({"hooks": {"prestart": [{"path": "relative"}]}})", "\"relative\""},
      {R"({"hooks": {"poststop": [{"path": "/a"}, {"path": "/b", "timeout": 0}]}})",
       "hooks.poststop[1].timeout of the OCI specification is 0"},
      {R"({"hooks": {"poststop": [{"path": "/a", "timeout": -1}]}})", "is -1"},
      {R"({"hooks": {"poststop": [{"path": "/a", "env": ["nothing"]}]}})", "\"nothing\""},
      {R"({"hooks": {"poststart": [{"path": 7}]}})", "wrong type"},
  };
  for (const auto& c : cases) {
    ContainerConfig config;
    config.oci_spec = c.spec;
    const Status status = HooksOf(config).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << c.spec;
    EXPECT_THAT(status.message(), HasSubstr(c.text)) << c.spec;
  }
}

}  // namespace
}  // namespace shoji
