#include "metadata/store_dump.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "metadata/record.h"
#include "shoji/base/file.h"

namespace shoji {
namespace {

using nlohmann::json;

TEST(StoreDumpTest, ValuesOfTheEnvironmentAreHidden) {
  SandboxRecord record;
  record.id = "pod";
  ContainerRecord& container = record.containers.emplace_back();
  container.config.cmd.args = {"sh", "-c", "env=1"};
  container.config.cmd.envs = {"TOKEN=canary", "EMPTY=", std::string("ODD=canary\xff", 11)};
  container.config.oci_spec =
      R"({"process":{"args":["x"],"env":["TOKEN=canary"]},"hooks":{"prestart":[{"env":["A=canary"]}]}})";
  ContainerRecord& second = record.containers.emplace_back();
  second.config.oci_spec = "canary is no JSON";
  const std::string text = FormatRecord(record);
  const StoreEntry hidden = DumpEntry("sandboxes/pod", text, false);
  EXPECT_EQ(hidden.size, text.size());
  EXPECT_EQ(hidden.problem, "");
  EXPECT_EQ(hidden.json.find("canary"), std::string::npos) << hidden.json;
  EXPECT_EQ(hidden.json.find("63616e617279"), std::string::npos) << "canary, in hexadecimal";
  const json shown = json::parse(hidden.json);
  EXPECT_EQ(shown["containers"][0]["config"]["cmd"]["envs"][0], "TOKEN=(hidden)");
  EXPECT_EQ(shown["containers"][0]["config"]["cmd"]["args"][2], "env=1");
  EXPECT_EQ(
      json::parse(
          shown["containers"][0]["config"]["oci_spec"].get<std::string>())["process"]["env"][0],
      "TOKEN=(hidden)");
  EXPECT_EQ(json::parse(DumpEntry("sandboxes/pod", text, true).json), json::parse(text));
}

TEST(StoreDumpTest, WhatIsNotUnderstoodIsNotShown) {
  for (const char* bad : {"canary", "[\"canary\"]", "{\"env\":[\"A=canary\"", "canary\xff"}) {
    const StoreEntry entry = DumpEntry("sandboxes/pod", bad, false);
    EXPECT_EQ(entry.json, "") << bad;
    EXPECT_NE(entry.problem, "") << bad;
    EXPECT_NE(DumpEntry("sandboxes/pod", bad, true).json, "") << bad;
  }
  const std::string deep = "{\"a\":" + std::string(1'000'000, '[');
  EXPECT_EQ(DumpEntry("sandboxes/pod", deep, false).json, "");
  EXPECT_EQ(DumpEntry("vendor/key", "canary", false).json, "");
  EXPECT_EQ(DumpEntry("vendor/key", "canary", true).json, "\"canary\"");
  EXPECT_EQ(DumpEntry("vendor/key", "\xff", true).json, R"({"hex":"ff"})");
  EXPECT_EQ(DumpEntry("containers/a", "pod", false).json, "\"pod\"");
}

}  // namespace
}  // namespace shoji
