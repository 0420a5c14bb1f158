#include "oci/oci_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace shoji {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

ContainerConfig Container() {
  ContainerConfig config;
  config.id = "c";
  return config;
}

json Read(const std::string& text, const ContainerConfig& config) {
  const auto process = ReadOciProcess(text, config);
  EXPECT_TRUE(process.ok()) << process.status().message();
  return process.ok() ? json::parse(process->json) : json();
}

TEST(OciProcessTest, KeepsWhatTheGuestCanApply) {
  const std::string text = R"({"terminal":true,"user":{"uid":7,"gid":8,"additionalGids":[9]},
    "args":["ls","-l"],"env":["A=b"],"cwd":"/tmp","noNewPrivileges":true,
    "capabilities":{"bounding":["CAP_KILL"]},"oomScoreAdj":3,
    "rlimits":[{"type":"RLIMIT_NOFILE","soft":5,"hard":6}],
    "selinuxLabel":"x","apparmorProfile":"y"})";
  const auto process = ReadOciProcess(text, Container());
  ASSERT_TRUE(process.ok()) << process.status().message();
  EXPECT_TRUE(process->terminal);
  json expected = json::parse(text);
  expected.erase("selinuxLabel");
  expected.erase("apparmorProfile");
  EXPECT_EQ(json::parse(process->json), expected);
}

TEST(OciProcessTest, TakesTheContainersCapabilities) {
  ContainerConfig config = Container();
  json process = Read(R"({"args":["a"]})", config);
  EXPECT_FALSE(process["capabilities"]["effective"].empty());
  EXPECT_EQ(process["cwd"], "/");
  process = Read(R"({"args":["a"],"user":{"uid":5}})", config);
  EXPECT_TRUE(process["capabilities"]["effective"].empty());
  config.cmd.capabilities = Capabilities{{"CAP_KILL"}, {}, {}, {}, {}};
  EXPECT_EQ(Read(R"({"args":["a"]})", config)["capabilities"]["bounding"], json({"CAP_KILL"}));
  config.oci_spec = R"({"process":{"capabilities":{"bounding":["CAP_CHOWN"]}}})";
  EXPECT_EQ(Read(R"({"args":["a"]})", config)["capabilities"]["bounding"], json({"CAP_CHOWN"}));
}

TEST(OciProcessTest, NamesWhatIsWrong) {
  const struct {
    const char* text;
    const char* word;
  } cases[] = {
      {"", "not valid JSON"},
      {"[]", "not a JSON object"},
      {"{}", "has no args"},
      {R"({"args":[]})", "has no args"},
      {R"({"args":[""]})", "has no args"},
      {R"({"args":"ls"})", "wrong type"},
      {R"({"args":["a\u0000b"]})", "NUL"},
      {R"({"args":["a"],"env":["NOVALUE"]})", "NOVALUE"},
      {R"({"args":["a"],"env":["=x"]})", "NAME=value"},
      {R"({"args":["a"],"cwd":"tmp"})", "\"tmp\""},
      {R"({"args":["a"],"cwd":""})", "absolute"},
      {R"({"args":["a"],"user":"root"})", "user"},
      {R"({"args":["a"],"user":{"uid":-1}})", "user.uid -1"},
      {R"({"args":["a"],"user":{"gid":4294967295}})", "user.gid"},
      {R"({"args":["a"],"user":{"additionalGids":["x"]}})", "wrong type"},
      {R"({"args":["a"],"terminal":"yes"})", "wrong type"},
  };
  for (const auto& each : cases) {
    const Status status = ReadOciProcess(each.text, Container()).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << each.text;
    EXPECT_THAT(status.message(), HasSubstr(each.word)) << each.text;
  }
}

// Engines give no umask to a process that joins.
TEST(OciProcessTest, HasTheUmaskOfItsContainer) {
  ContainerConfig config;
  config.oci_spec = R"({"process":{"user":{"uid":0,"gid":0,"umask":468}}})";
  const auto umask = [&](const char* text) {
    const auto process = ReadOciProcess(text, config);
    EXPECT_TRUE(process.ok()) << process.status().message();
    const auto user = nlohmann::json::parse(process->json).at("user");
    return user.contains("umask") ? user["umask"].get<int>() : -1;
  };
  EXPECT_EQ(umask(R"({"args":["a"],"user":{"uid":7,"gid":7}})"), 468);
  EXPECT_EQ(umask(R"({"args":["a"]})"), 468);
  EXPECT_EQ(umask(R"({"args":["a"],"user":{"uid":7,"gid":7,"umask":0}})"), 0);
  config.oci_spec = R"({"process":{"user":{"uid":0,"gid":0}}})";
  EXPECT_EQ(umask(R"({"args":["a"]})"), -1) << "the guest's default";
}

}  // namespace
}  // namespace shoji
