#include "request/network_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace shoji {
namespace {

using nlohmann::json;

TEST(NetworkJsonTest, ReadsWhatAPluginWrites) {
  const auto guest = ParseGuestNetwork(R"({"interfaces":[{"device":"eth0","name":"eth0",
      "IPAddresses":[{"family":0,"address":"10.0.0.2","mask":"24"},
                     {"family":"v6","address":"fd00::2","mask":"64"}],
      "mtu":"1450","hwAddr":"02:00:00:00:00:01","raw_flags":128}],
      "routes":[{"dest":"","gateway":"10.0.0.1","device":"eth0"}],"neighbors":null})");
  ASSERT_TRUE(guest.ok()) << guest.status().message();
  ASSERT_EQ(guest->interfaces.size(), 1U);
  const InterfaceInfo& info = guest->interfaces[0].info;
  EXPECT_EQ(info.name, "eth0");
  EXPECT_EQ(info.mtu, 1450U);
  const std::vector<IpAddress> addresses = {{"10.0.0.2", 24}, {"fd00::2", 64}};
  EXPECT_EQ(info.addresses, addresses);
  EXPECT_EQ(json::parse(guest->routes).size(), 1U);
  EXPECT_EQ(guest->neighbors, "[]");
  // What we do not know goes on to the agent.
  const auto text = InterfaceForAgent(guest->interfaces[0], {}, "02/03");
  const json out = json::parse(*text);
  EXPECT_EQ(out["raw_flags"], 128);
  EXPECT_EQ(out["pciPath"], "02/03");
}

TEST(NetworkJsonTest, WhatIsAskedWins) {
  const auto guest = ParseGuestNetwork(
      R"({"interfaces":[{"device":"eth0","name":"eth0","mtu":1500,"hwAddr":"02:00:00:00:00:01"}]})");
  InterfaceInfo asked;
  asked.name = "eth0";
  asked.guest_name = "net1";
  asked.mac = "02:00:00:00:00:09";
  asked.mtu = 1400;
  asked.addresses = {{"fd00::9", 64}};
  asked.limits = InterfaceLimits{1, 2, 3, 4, 5, 6};
  const json out = json::parse(*InterfaceForAgent(guest->interfaces[0], asked, ""));
  EXPECT_EQ(out, json::parse(R"({"device":"net1","name":"net1","mtu":1400,
      "hwAddr":"02:00:00:00:00:09",
      "IPAddresses":[{"family":1,"address":"fd00::9","mask":"64"}]})"));
  EXPECT_EQ(MergeInterface(guest->interfaces[0].info, asked), asked);
}

TEST(NetworkJsonTest, RoutesComeBack) {
  const std::vector<Route> routes = {{"10.0.0.0/24", "", "eth0", "10.0.0.2", 253, false},
                                     {"", "10.0.0.1", "eth0", "", 0, false},
                                     {"", "", "eth0", "", 0, true}};
  const auto back = ParseRoutes(FormatRoutes(routes));
  ASSERT_TRUE(back.ok()) << back.status().message();
  EXPECT_EQ(*back, routes);
  EXPECT_EQ(ParseRoutes(R"([{"dest":"default"},{"dest":"0.0.0.0/0"}])")->at(1).destination, "");
  EXPECT_TRUE(ParseRoutes("null")->empty());
}

TEST(NetworkJsonTest, InterfacesComeBack) {
  InterfaceInfo one;
  one.name = "veth0";
  one.guest_name = "eth0";
  one.mac = "02:aa:00:00:00:01";
  one.mtu = 1400;
  one.addresses = {{"10.0.0.2", 24}, {"fd00::2", 64}};
  const auto same = ParseInterface(FormatInterface(one));
  ASSERT_TRUE(same.ok()) << same.status().message();
  EXPECT_EQ(*same, one);
  EXPECT_EQ(*ParseInterfaces(FormatInterfaces({one, *same})), std::vector({one, one}));
  EXPECT_EQ(FormatInterfaces({}), "[]");
  for (const char* bad : {"", "[]", "7", "{}{}", R"({"mtu":-1})", R"({"device":7})"}) {
    EXPECT_EQ(ParseInterface(bad).status().code(), StatusCode::kInvalidArgument) << bad;
  }
}

TEST(NetworkJsonTest, MasksOfOldWriters) {
  const auto masks = [](const std::string& mask) {
    return ParseInterfaces(R"([{"name":"a","IPAddresses":[{"address":"10.0.0.2","mask":")" + mask +
                           "\"}]}]");
  };
  EXPECT_EQ(masks("255.255.240.0")->at(0).addresses[0].prefix, 20U);
  EXPECT_EQ(masks("0")->at(0).addresses[0].prefix, 0U);
  for (const char* bad : {"", "33", "-1", "255.0.255.0", "x", "99999999999999999999"}) {
    EXPECT_EQ(masks(bad).status().code(), StatusCode::kInvalidArgument) << bad;
  }
}

TEST(NetworkJsonTest, RefusesWhatIsNone) {
  for (const char* bad :
       {"", "{", "[]", "7", R"({"interfaces":{}})", R"({"interfaces":[1]})",
        R"({"interfaces":[{"name":"a"}]})", R"({"interfaces":[{"hwAddr":7}]})",
        R"({"interfaces":[{"hwAddr":"x","mtu":-1}]})",
        R"({"interfaces":[{"hwAddr":"x","mtu":4294967296}]})",
        R"({"interfaces":[{"hwAddr":"x","mtu":"12a"}]})",
        R"({"interfaces":[{"hwAddr":"x","IPAddresses":"10.0.0.1"}]})",
        R"({"interfaces":[{"hwAddr":"x","IPAddresses":["10.0.0.1"]}]})",
        R"({"interfaces":[{"hwAddr":"x","IPAddresses":[{"address":"10.0.0","mask":"8"}]}]})",
        R"({"routes":"none"})", R"({"neighbors":{"a":1}})"}) {
    EXPECT_EQ(ParseGuestNetwork(bad).status().code(), StatusCode::kInvalidArgument) << bad;
  }
  for (const char* bad : {"", "{}", "[1]", R"([{"dest":1}])", R"([{"scope":"a"}])"}) {
    EXPECT_EQ(ParseRoutes(bad).status().code(), StatusCode::kInvalidArgument) << bad;
  }
  EXPECT_FALSE(ParseInterfaces(std::string(1000, '[')).ok());
  EXPECT_FALSE(ParseInterfaces("{}").ok());
}

TEST(NetworkJsonTest, MacsAreTheSameInAnyCase) {
  EXPECT_TRUE(SameMac("02:aa:00:00:00:01", "02:AA:00:00:00:01"));
  EXPECT_FALSE(SameMac("02:aa:00:00:00:01", "02:aa:00:00:00:02"));
  EXPECT_FALSE(SameMac("02", "02:"));
}

}  // namespace
}  // namespace shoji
