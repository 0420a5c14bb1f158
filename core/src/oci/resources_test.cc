#include "oci/resources.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace shoji {
namespace {

using nlohmann::json;

TEST(ResourcesTest, StructBecomesJson) {
  Resources resources;
  EXPECT_EQ(*ResourcesJson(resources), "");
  resources = {512, 50'000, 100'000, "0-1", "0", 1 << 20, -1, 2 << 20, 7, ""};
  EXPECT_EQ(json::parse(*ResourcesJson(resources)), json::parse(R"({
      "cpu":{"shares":512,"quota":50000,"period":100000,"cpus":"0-1","mems":"0"},
      "memory":{"limit":1048576,"reservation":-1,"swap":2097152},"pids":{"limit":7}})"));
  resources.oci_json = R"({"cpu":{"quota":1}})";
  EXPECT_EQ(*ResourcesJson(resources), resources.oci_json);
}

TEST(ResourcesTest, RefusesWhatIsNoLimit) {
  for (const char* bad :
       {"", "[]", "7", "{", R"({"cpu":7})", R"({"memory":[]})", R"({"cpu":{"quota":"1"}})",
        R"({"cpu":{"shares":-1}})", R"({"memory":{"limit":1.5}})", R"({"pids":{"limit":true}})"}) {
    EXPECT_EQ(ParseResources(bad).status().code(), StatusCode::kInvalidArgument) << bad;
  }
  EXPECT_FALSE(ParseResources(std::string(1000, '[')).ok());
  EXPECT_TRUE(ParseResources(R"({"cpu":null,"memory":{"limit":null},"hugepageLimits":[]})").ok());
}

TEST(ResourcesTest, UndoRestoresOrLifts) {
  const std::string older = R"({"cpu":{"quota":5},"memory":{"limit":9}})";
  const std::string newer = R"({"cpu":{"quota":7,"shares":3},"pids":{"limit":1}})";
  EXPECT_EQ(json::parse(*MergeResources(older, newer)),
            json::parse(R"({"cpu":{"quota":7,"shares":3},"memory":{"limit":9},
                            "pids":{"limit":1}})"));
  EXPECT_EQ(json::parse(*UndoResources(older, newer)),
            json::parse(R"({"cpu":{"quota":5,"shares":1024},"memory":{"limit":9},
                            "pids":{"limit":-1}})"));
  EXPECT_EQ(*MergeResources("", ""), "");
}

TEST(ResourcesTest, NeedsAreThoseOfQuotaAndLimit) {
  const auto need = [](const std::string& json_text) {
    ContainerConfig config;
    config.resources.oci_json = json_text;
    return *NeedOf(config);
  };
  EXPECT_EQ(need("{}"), (ResourceNeed{0, 0}));
  EXPECT_EQ(need(R"({"cpu":{"quota":150000}})"), (ResourceNeed{1500, 0}));
  EXPECT_EQ(need(R"({"cpu":{"quota":1,"period":3}})"), (ResourceNeed{334, 0}));
  EXPECT_EQ(need(R"({"cpu":{"quota":-1},"memory":{"limit":-1}})"), (ResourceNeed{0, 0}));
  EXPECT_EQ(need(R"({"cpu":{"quota":1,"period":0}})"), (ResourceNeed{1, 0}));
  EXPECT_EQ(need(R"({"cpu":{"quota":18446744073709551615,"period":1}})"),
            (ResourceNeed{1'000'000, 0}));
  // What cgroup v1 says for "none".
  EXPECT_EQ(need(R"({"memory":{"limit":9223372036854771712}})"), (ResourceNeed{0, 0}));
  EXPECT_EQ(need(R"({"memory":{"limit":4096}})"), (ResourceNeed{0, 4096}));
}

TEST(ResourcesTest, OwnLimitsWinOverTheSpecification) {
  ContainerConfig config;
  config.oci_spec = R"({"linux":{"resources":{"cpu":{"quota":100000},"memory":{"limit":5}}}})";
  EXPECT_EQ(*NeedOf(config), (ResourceNeed{1000, 5}));
  config.resources.cpu_quota_us = 200'000;
  EXPECT_EQ(*NeedOf(config), (ResourceNeed{2000, 5}));
  config.oci_spec = "nonsense";
  EXPECT_EQ(*NeedOf(config), (ResourceNeed{2000, 0}));
}

}  // namespace
}  // namespace shoji
