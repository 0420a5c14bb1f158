// Every model that joins a tap and an interface: frames pass both ways, and the guest is told what
// the pod had. Built into the test of each plugin.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/rtnetlink.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <set>

#include "testing/driver.h"
#include "testing/guest.h"
#include "testing/pod.h"

namespace shoji::network::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Json = nlohmann::json;

constexpr char kMac[] = "02:00:00:00:00:02";

class Carry : public ::testing::Test {
 protected:
  void SetUp() override {
    pod_.AddVeth("eth0", "out0", kMac);
    pod_.AddAddress(pod_.inside(), "eth0", "10.9.0.2/24");
    pod_.AddAddress(pod_.inside(), "eth0", "fd00:9::2/64");
    pod_.AddAddress(pod_.outside(), "out0", "10.9.0.1/24");
    pod_.AddAddress(pod_.outside(), "out0", "fd00:9::1/64");
  }
  void TearDown() override {
    if (link_ != nullptr) {
      EXPECT_EQ(driver_.Leave(link_), SHOJI_OK) << driver_.error.message;
    }
  }
  std::vector<shoji_nic> Join(std::uint32_t queues = 1) {
    EXPECT_EQ(driver_.Join("box", pod_.path(), &link_, queues), SHOJI_OK) << driver_.error.message;
    return link_ == nullptr ? std::vector<shoji_nic>() : driver_.Nics(link_);
  }
  Json Config() { return Json::parse(driver_.Config(link_)); }
  // "dest|gateway|device|source|scope"
  std::multiset<std::string> Routes() {
    std::multiset<std::string> routes;
    const Json config = Config();
    for (const Json& route : config["routes"]) {
      routes.insert(route["dest"].get<std::string>() + "|" + route["gateway"].get<std::string>() +
                    "|" + route["device"].get<std::string>() + "|" +
                    std::to_string(route["scope"].get<int>()));
    }
    return routes;
  }

  Pod pod_;
  Driver driver_;
  shoji_network_link* link_ = nullptr;
};

TEST_F(Carry, FramesPassBothWays) {
  const auto nics = Join();
  ASSERT_THAT(nics, SizeIs(1));
  EXPECT_EQ(View(nics[0].id), "eth0");
  EXPECT_EQ(View(nics[0].mac), kMac);
  EXPECT_EQ(nics[0].mtu, 1500U);
  EXPECT_EQ(nics[0].queues, 1U);
  EXPECT_EQ(nics[0].vhost_fds[0] >= 0, access("/dev/vhost-net", R_OK | W_OK) == 0);
  Guest guest(nics[0].tap_fds[0], kMac);
  EXPECT_EQ(Exchange(pod_.outside(), &guest, "10.9.0.2", "hello"), "hello");
  EXPECT_GT(guest.arp_requests(), 0U) << "broadcasts pass";
  EXPECT_EQ(Exchange(pod_.outside(), &guest, "fd00:9::2", "hello over IPv6"), "hello over IPv6");
}

TEST_F(Carry, FramesOfTheWholeMtu) {
  pod_.AddVeth("jumbo", "out1", "02:00:00:00:00:03", 9000);
  pod_.AddAddress(pod_.outside(), "out1", "10.8.0.1/24");
  const auto nics = Join();
  ASSERT_THAT(nics, SizeIs(2));
  EXPECT_EQ(nics[1].mtu, 9000U);
  Guest guest(nics[1].tap_fds[0], "02:00:00:00:00:03");
  const std::string large(8972, 'x');  // with the headers of UDP and IP: 9000
  EXPECT_EQ(Exchange(pod_.outside(), &guest, "10.8.0.2", large), large);
}

TEST_F(Carry, AnMtuAboveATapsIsCut) {
  pod_.AddVeth("huge", "out1", "02:00:00:00:00:03", 65535);
  const auto nics = Join();
  ASSERT_THAT(nics, SizeIs(2));
  EXPECT_EQ(nics[1].mtu, 65521U);
  EXPECT_EQ(Config()["interfaces"][1]["mtu"], 65521);
}

TEST_F(Carry, SeveralQueues) {
  const auto nics = Join(4);
  ASSERT_THAT(nics, SizeIs(1));
  ASSERT_EQ(nics[0].queues, 4U);
  Guest guest({nics[0].tap_fds, nics[0].tap_fds + 4}, kMac);
  EXPECT_EQ(Exchange(pod_.outside(), &guest, "10.9.0.2", "hello"), "hello");
}

TEST_F(Carry, TwentyInterfacesAndLongNames) {
  for (int i = 1; i < 20; ++i) {
    const std::string n = std::to_string(i);
    const std::string two = i < 10 ? "0" + n : n;
    pod_.AddVeth("fifteenbytes-" + two, "peer-of-many-" + two, "02:00:00:00:01:" + two);
    pod_.AddAddress(pod_.outside(), "peer-of-many-" + two, "10.7." + n + ".1/24");
  }
  const auto nics = Join();
  ASSERT_THAT(nics, SizeIs(20));
  std::set<std::string> names;
  for (const shoji_nic& nic : nics) names.insert(std::string(View(nic.id)));
  EXPECT_THAT(names, SizeIs(20));
  for (const std::size_t i : {1U, 19U}) {
    Guest guest(nics[i].tap_fds[0], std::string(View(nics[i].mac)));
    const std::string text = "over number " + std::to_string(i);
    EXPECT_EQ(Exchange(pod_.outside(), &guest, "10.7." + std::to_string(i) + ".2", text), text);
  }
  EXPECT_LT(driver_.State(link_).size(), 16U << 10U);
}

TEST_F(Carry, TheGuestIsToldWhatThePodHad) {
  pod_.AddNeighbor(pod_.inside(), "eth0", "10.9.0.77", "02:00:00:00:00:77");
  pod_.AddNeighbor(pod_.inside(), "eth0", "fd00:9::77", "02:00:00:00:00:78");
  ASSERT_THAT(Join(), SizeIs(1));
  const Json config = Config();
  ASSERT_THAT(config["interfaces"], SizeIs(1));
  const Json& interface = config["interfaces"][0];
  EXPECT_EQ(interface["name"], "eth0");
  EXPECT_EQ(interface["device"], "eth0");
  EXPECT_EQ(interface["hwAddr"], kMac);
  EXPECT_EQ(interface["mtu"], 1500);
  EXPECT_EQ(interface["raw_flags"], 0);
  EXPECT_THAT(interface["IPAddresses"],
              Contains(Json{{"family", 0}, {"address", "10.9.0.2"}, {"mask", "24"}}));
  EXPECT_THAT(interface["IPAddresses"],
              Contains(Json{{"family", 1}, {"address", "fd00:9::2"}, {"mask", "64"}}));
  EXPECT_THAT(
      config["neighbors"],
      Contains(Json{{"toIPAddress", {{"family", 0}, {"address", "10.9.0.77"}, {"mask", ""}}},
                    {"device", "eth0"},
                    {"lladdr", "02:00:00:00:00:77"},
                    {"state", 0x80},
                    {"flags", 0}}));
  EXPECT_THAT(config["neighbors"], SizeIs(2));
  EXPECT_THAT(Routes(), IsEmpty()) << "the guest's kernel makes those to the networks itself";
}

TEST_F(Carry, RoutesOfBothFamilies) {
  pod_.AddRoute({.dest = "", .gateway = "10.9.0.1", .device = "eth0"});
  pod_.AddRoute({.dest = "", .gateway = "10.9.0.9", .device = "eth0", .metric = 500});
  pod_.AddRoute({.dest = "192.168.0.0/16", .gateway = "10.9.0.9", .device = "eth0"});
  pod_.AddRoute({.dest = "169.254.1.1", .gateway = "", .device = "eth0", .scope = RT_SCOPE_LINK});
  pod_.AddRoute({.dest = "172.16.0.0/12",
                 .gateway = "169.254.1.1",
                 .device = "eth0",
                 .flags = RTNH_F_ONLINK});
  pod_.AddRoute({.dest = "172.30.0.0/16",
                 .gateway = "169.254.2.2",
                 .device = "eth0",
                 .flags = RTNH_F_ONLINK});
  pod_.AddRoute({.dest = "", .gateway = "fd00:9::1", .device = "eth0"});
  pod_.AddRoute({.dest = "fd01::/32", .gateway = "", .device = "eth0"});
  pod_.AddRoute({.dest = "10.55.0.0/16", .gateway = "", .device = "lo", .scope = RT_SCOPE_LINK});
  ASSERT_THAT(Join(), SizeIs(1));
  const std::multiset<std::string> expected = {
      "|10.9.0.1|eth0|0",  // the better of two
      "192.168.0.0/16|10.9.0.9|eth0|0",
      "169.254.1.1/32||eth0|253",
      "172.16.0.0/12|169.254.1.1|eth0|0",  // reached by the route above
      "169.254.2.2/32||eth0|253",          // made for the next one
      "172.30.0.0/16|169.254.2.2|eth0|0",
      "|fd00:9::1|eth0|0",
      "fd01::/32||eth0|0",
  };
  EXPECT_EQ(Routes(), expected);
}

TEST_F(Carry, InterfacesThatAreNotForAGuest) {
  pod_.AddDevice("br0", "bridge");  // off and without address
  pod_.AddDevice("ifb7", "ifb");
  EXPECT_THAT(Join(), SizeIs(1));
}

TEST_F(Carry, SomeMayBeSkipped) {
  pod_.AddVeth("mgmt0", "out1", "02:00:00:00:00:03");
  Driver driver({{"vhost", "false"}, {"skip", "mgmt0\nother"}});
  shoji_network_link* link = nullptr;
  ASSERT_EQ(driver.Join("box", pod_.path(), &link), SHOJI_OK) << driver.error.message;
  const auto nics = driver.Nics(link);
  ASSERT_THAT(nics, SizeIs(1));
  EXPECT_EQ(View(nics[0].id), "eth0");
  EXPECT_EQ(nics[0].vhost_fds[0], -1);
  EXPECT_EQ(driver.Leave(link), SHOJI_OK);
}

TEST_F(Carry, InterfacesComeAndGo) {
  ASSERT_THAT(Join(), SizeIs(1));
  const std::string before_add = pod_.Dump();
  const auto* changes = driver_.Changes(link_);
  ASSERT_NE(changes, nullptr);
  pod_.AddVeth("net1", "out1", "02:00:00:00:00:03");
  pod_.AddAddress(pod_.outside(), "out1", "10.8.0.1/24");
  shoji_nic nic{};
  nic.struct_size = sizeof nic;
  const auto add = [&](const char* name) {
    return changes->add(link_, nullptr, ToStr(name), &nic, driver_.error.raw());
  };
  const auto remove = [&](const char* name) {
    return changes->remove(link_, nullptr, ToStr(name), driver_.error.raw());
  };
  EXPECT_EQ(add("eth0"), SHOJI_ALREADY_EXISTS);
  EXPECT_EQ(add("net9"), SHOJI_NOT_FOUND);
  EXPECT_THAT(driver_.error.message, HasSubstr("net9"));
  EXPECT_EQ(add("lo"), SHOJI_FAILED_PRECONDITION);
  ASSERT_EQ(add("net1"), SHOJI_OK) << driver_.error.message;
  EXPECT_EQ(View(nic.mac), "02:00:00:00:00:03");
  EXPECT_THAT(driver_.Nics(link_), SizeIs(2));
  EXPECT_THAT(Config()["interfaces"], SizeIs(2));
  Guest guest(nic.tap_fds[0], "02:00:00:00:00:03");
  EXPECT_EQ(Exchange(pod_.outside(), &guest, "10.8.0.2", "later"), "later");
  EXPECT_EQ(remove("net1"), SHOJI_OK) << driver_.error.message;
  EXPECT_EQ(remove("net1"), SHOJI_OK) << "gone already";
  EXPECT_THAT(driver_.Nics(link_), SizeIs(1));
  pod_.Delete("net1");
  EXPECT_EQ(pod_.Dump(), before_add);
  EXPECT_EQ(remove("eth0"), SHOJI_OK);
  EXPECT_EQ(driver_.Config(link_), R"({"interfaces":[],"routes":[],"neighbors":[]})");
  ASSERT_EQ(add("eth0"), SHOJI_OK) << driver_.error.message;
}

}  // namespace
}  // namespace shoji::network::testing
