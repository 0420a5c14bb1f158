#include "oci/guest_limits.h"

#include <gtest/gtest.h>

namespace shoji {
namespace {

using nlohmann::json;

// What is left of linux.resources, without any device in the VM.
json Edited(const char* resources) {
  return EditResources(json::parse(resources), GuestDevices(json::array(), {}));
}

TEST(GuestDevices, KeepsNodesThatAreTheSameEverywhere) {
  const json nodes = json::parse(R"([
      {"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229},
      {"path": "/dev/net/tun", "type": "u", "major": 10, "minor": 200},
      {"path": "/dev/kmsg", "type": "c", "major": 1, "minor": 11},
      {"path": "/dev/pipe", "type": "p"}])");
  EXPECT_EQ(GuestDevices(nodes, {}).Nodes(), nodes);
}

TEST(GuestDevices, LeavesOutTheHostsNumbers) {
  for (const char* node : {R"([{"path": "/dev/sda", "type": "b", "major": 8, "minor": 0}])",
                           R"([{"path": "/dev/ttyS0", "type": "c", "major": 4, "minor": 64}])",
                           R"([{"path": "/dev/vfio/7", "type": "c", "major": 239, "minor": 0}])",
                           R"([{"path": "/dev/cuse", "type": "c", "major": 10, "minor": 60}])",
                           R"([{"path": "/dev/late", "type": "c", "major": 10, "minor": 260}])",
                           // Block devices of these majors are not the character devices.
                           R"([{"path": "/dev/ram0", "type": "b", "major": 1, "minor": 3}])"}) {
    EXPECT_TRUE(GuestDevices(json::parse(node), {}).Nodes().empty()) << node;
  }
}

TEST(GuestDevices, KeepsWhatTheVmWasGiven) {
  const json nodes = json::parse(R"([
      {"path": "/dev/data", "type": "b", "major": 8, "minor": 16},
      {"path": "/dev/other", "type": "b", "major": 8, "minor": 32}])");
  const GuestDevices devices(nodes, {"/dev/data"});
  ASSERT_EQ(devices.Nodes().size(), 1U);
  EXPECT_EQ(devices.Nodes()[0], nodes[0]);
  const json left = EditResources(json::parse(R"({
      "devices": [{"allow": true, "type": "b", "major": 8, "minor": 16, "access": "r"},
                  {"allow": true, "type": "b", "major": 8, "minor": 32, "access": "r"},
                  {"allow": true, "type": "c", "major": 8, "minor": 16, "access": "r"}],
      "blockIO": {"throttleReadBpsDevice": [{"major": 8, "minor": 16, "rate": 5},
                                            {"major": 8, "minor": 32, "rate": 6}]}})"),
                                  devices);
  EXPECT_EQ(left, json::parse(R"({
      "devices": [{"allow": true, "type": "b", "major": 8, "minor": 16, "access": "r"}],
      "blockIO": {"throttleReadBpsDevice": [{"major": 8, "minor": 16, "rate": 5}]}})"));
}

TEST(Resources, RulesOfAnEnginePass) {
  const char* const rules = R"({"devices": [
      {"allow": false, "access": "rwm"},
      {"allow": false, "type": "a", "access": "rwm"},
      {"allow": true, "type": "c", "access": "m"},
      {"allow": true, "type": "b", "major": null, "minor": -1, "access": "m"},
      {"allow": true, "type": "c", "major": 1, "minor": 3, "access": "rwm"},
      {"allow": true, "type": "c", "major": 5, "minor": 2, "access": "rwm"},
      {"allow": true, "type": "c", "major": 136, "access": "rwm"},
      {"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rwm"}]})";
  EXPECT_EQ(Edited(rules), json::parse(rules));
}

TEST(Resources, RulesAboutTheHostsDevicesGo) {
  EXPECT_EQ(Edited(R"({"devices": [
      {"allow": false, "access": "rwm"},
      {"allow": true, "type": "b", "major": 8, "access": "rwm"},
      {"allow": true, "type": "c", "major": 195, "minor": 0, "access": "rwm"},
      {"allow": true, "type": "c", "major": 10, "access": "rwm"}]})"),
            json::parse(R"({"devices": [{"allow": false, "access": "rwm"}]})"));
}

TEST(Resources, LimitsPassWithoutTheHostsProcessors) {
  EXPECT_EQ(Edited(R"({"cpu": {"shares": 2, "quota": 5, "period": 6, "burst": 1, "idle": 1,
                               "cpus": "4-7", "mems": "1"},
                       "memory": {"limit": 1, "swap": 2}, "pids": {"limit": 3}})"),
            json::parse(R"({"cpu": {"shares": 2, "quota": 5, "period": 6, "burst": 1, "idle": 1},
                            "memory": {"limit": 1, "swap": 2}, "pids": {"limit": 3}})"));
  EXPECT_EQ(Edited(R"({"cpu": {"cpus": "0"}})"), json::object());
}

TEST(Resources, HugePagesAndBlockIoPass) {
  const char* const text = R"({"hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}],
                               "blockIO": {"weight": 500, "leafWeight": 10}})";
  EXPECT_EQ(Edited(text), json::parse(text));
  EXPECT_EQ(Edited(R"({"blockIO": {"weight": 10, "weightDevice": [{"major": 8, "minor": 0}],
                                   "throttleWriteIOPSDevice": [{"major": 8, "minor": 0}]}})"),
            json::parse(R"({"blockIO": {"weight": 10}})"));
}

TEST(Resources, UnifiedPassesButForNumbersOfTheHost) {
  EXPECT_EQ(Edited(R"({"unified": {"memory.high": "5", "pids.max": "3", "io.weight": "default 7",
                                   "cpu.weight": "9", "io.max": "8:0 rbps=1",
                                   "cpuset.cpus": "4", "rdma.max": "x", "misc.max": "y"}})"),
            json::parse(R"({"unified": {"memory.high": "5", "pids.max": "3",
                                        "io.weight": "default 7", "cpu.weight": "9"}})"));
  // Of the wrong type: the agent plugin names the field.
  EXPECT_EQ(Edited(R"({"unified": {"memory.high": 5}})"),
            json::parse(R"({"unified": {"memory.high": 5}})"));
}

TEST(Resources, WhatTheGuestHasNoUseForGoes) {
  EXPECT_EQ(Edited(R"({"network": {"classID": 1}, "rdma": {"mlx5_1": {"hcaHandles": 3}},
                       "devices": null, "cpu": null, "unified": null, "hugepageLimits": []})"),
            json::object());
}

}  // namespace
}  // namespace shoji
