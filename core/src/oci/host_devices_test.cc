#include "oci/host_devices.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <vector>

namespace shoji {
namespace {

using nlohmann::json;

json Node(const char* path, const char* type, int major, int minor) {
  return {{"path", path}, {"type", type}, {"major", major}, {"minor", minor}};
}

std::string Spec(const std::vector<json>& nodes, const std::vector<json>& rules) {
  return json{{"linux", {{"devices", nodes}, {"resources", {{"devices", rules}}}}}}.dump();
}

const json kDeny = {{"allow", false}, {"access", "rwm"}};
const json kAllow = {{"allow", true}, {"access", "rwm"}};

TEST(HostDisksOf, FindsDisksWithWhatTheRulesAllow) {
  const json read = {{"allow", true}, {"type", "b"}, {"major", 7}, {"minor", 3}, {"access", "r"}};
  const auto disks = HostDisksOf(
      Spec({Node("/dev/a", "b", 7, 3), Node("/dev/b", "b", 8, 0), Node("/dev/fuse", "c", 10, 229)},
           {kDeny, read}));
  ASSERT_TRUE(disks.ok()) << disks.status().message();
  ASSERT_EQ(disks->size(), 2U);
  EXPECT_EQ((*disks)[0].container_path, "/dev/a");
  EXPECT_EQ((*disks)[0].major, 7);
  EXPECT_EQ((*disks)[0].minor, 3);
  EXPECT_EQ((*disks)[0].access, "r");
  EXPECT_EQ((*disks)[1].access, "rwm");
}

TEST(HostDisksOf, PrivilegedContainersGetNone) {
  const auto disks = HostDisksOf(
      Spec({Node("/dev/sda", "b", 8, 0), Node("/dev/cpu/0/cpuid", "c", 203, 0)}, {kDeny, kAllow}));
  ASSERT_TRUE(disks.ok()) << disks.status().message();
  EXPECT_TRUE(disks->empty());
}

TEST(HostDisksOf, TheLastRuleForAllCounts) {
  const auto disks = HostDisksOf(Spec({Node("/dev/sda", "b", 8, 0)}, {kAllow, kDeny}));
  ASSERT_TRUE(disks.ok());
  EXPECT_EQ(disks->size(), 1U);
}

TEST(HostDisksOf, RefusesOtherDevicesOfTheHostByName) {
  const auto disks = HostDisksOf(Spec({Node("/dev/cpu/0/cpuid", "c", 203, 0)}, {kDeny}));
  EXPECT_EQ(disks.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(disks.status().message().find("/dev/cpu/0/cpuid (c 203:0)"), std::string::npos);
}

TEST(HostDisksOf, TakesWhatIsNotThereAsNothing) {
  EXPECT_TRUE(HostDisksOf("{}").ok());
  EXPECT_TRUE(HostDisksOf(R"({"linux": null})").ok());
  EXPECT_TRUE(HostDisksOf(R"({"linux": {"devices": null, "resources": null}})").ok());
}

TEST(HostDisksOf, RefusesWrongTypes) {
  for (const char* text : {"", "[]", R"({"linux": {"devices": [{"type": 1}]}})",
                           R"({"linux": {"devices": [{"type": "b", "major": "x"}]}})",
                           R"({"linux": {"devices": [1]}})"}) {
    EXPECT_EQ(HostDisksOf(text).status().code(), StatusCode::kInvalidArgument) << text;
  }
}

TEST(HostNodeOf, NamesTheDiskThatIsNotThere) {
  const auto node = HostNodeOf({"/dev/x", 4000, 4000, "rwm"});
  EXPECT_EQ(node.status().code(), StatusCode::kNotFound);
  EXPECT_NE(node.status().message().find("4000:4000"), std::string::npos);
}

}  // namespace
}  // namespace shoji
