// Links, routes and neighbours in a network namespace of the test's own.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>

#include <string>
#include <vector>

#include "net/address.h"
#include "net/links.h"
#include "net/routes.h"
#include "testing/veth.h"

namespace shoji::agent {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Address, BothFamiliesAndMasks) {
  EXPECT_EQ(ParseAddress("10.0.0.2", "24")->Text(), "10.0.0.2/24");
  EXPECT_EQ(ParseAddress("10.0.0.2", "255.255.255.0")->length, 24U);
  EXPECT_EQ(ParseAddress("10.0.0.2", "0.0.0.0")->length, 0U);
  EXPECT_EQ(ParseAddress("10.0.0.2", "255.255.255.255")->length, 32U);
  EXPECT_EQ(ParseAddress("fd00::1", "64")->Text(), "fd00::1/64");
  EXPECT_EQ(ParsePrefix("fd00::/8")->length, 8U);
  EXPECT_EQ(ParsePrefix("10.1.1.1")->length, 32U);
}

TEST(Address, RefusesNonsense) {
  for (const char* mask : {"33", "-1", "255.0.255.0", "x", "24 "}) {
    EXPECT_EQ(ParseAddress("10.0.0.2", mask).status().code(), StatusCode::kInvalidArgument) << mask;
  }
  for (const char* text :
       {"", "10.0.0", "10.0.0.1/", "10.0.0.1/33", "::1/129", "host", "1.2.3.4.5"}) {
    EXPECT_EQ(ParsePrefix(text).status().code(), StatusCode::kInvalidArgument) << text;
  }
  for (const char* text : {"", "02:00:00:00:00", "02:00:00:00:00:0g", "2:0:0:0:0:1", "020000000001",
                           "02:00:00:00:00:01:", "-2:00:00:00:00:01"}) {
    EXPECT_EQ(ParseLinkAddress(text).status().code(), StatusCode::kInvalidArgument) << text;
  }
  EXPECT_EQ(LinkAddressText(*ParseLinkAddress("02:AB:cd:00:00:ff")), "02:ab:cd:00:00:ff");
}

constexpr char kMac[] = "02:00:00:00:00:01";
constexpr char kPeerMac[] = "02:00:00:00:00:02";

class Net : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(unshare(CLONE_NEWNET), 0);
    auto socket = NetlinkSocket::Open();
    ASSERT_TRUE(socket.ok());
    socket_ = std::make_unique<NetlinkSocket>(std::move(*socket));
    const Status made = testing::MakeVeth("v0", kMac, "v1", kPeerMac);
    ASSERT_TRUE(made.ok()) << made.message();
    ASSERT_TRUE(testing::SwitchOn("v1").ok());
    ASSERT_TRUE(testing::SwitchOn("lo").ok());
  }

  static types::Interface Eth0(const std::vector<std::string>& addresses) {
    types::Interface interface;
    interface.set_name("eth0");
    interface.set_hwaddr(kMac);
    for (const std::string& text : addresses) {
      types::IPAddress* address = interface.add_ipaddresses();
      const std::size_t slash = text.find('/');
      address->set_address(text.substr(0, slash));
      address->set_mask(text.substr(slash + 1));
    }
    return interface;
  }
  Status Update(const types::Interface& interface) {
    SHOJI_ASSIGN_OR_RETURN(const WantedLink wanted, ParseInterface(interface));
    SHOJI_ASSIGN_OR_RETURN(const Link link, FindLink(socket_.get(), wanted));
    return ConfigureLink(socket_.get(), link, wanted);
  }
  types::Interface Described(const std::string& name) {
    const auto all = DescribeInterfaces(socket_.get());
    EXPECT_TRUE(all.ok());
    for (const types::Interface& interface : *all) {
      if (interface.name() == name) return interface;
    }
    ADD_FAILURE() << "no " << name;
    return {};
  }
  std::vector<std::string> AddressesOf(const std::string& name) {
    std::vector<std::string> list;
    const types::Interface interface = Described(name);
    for (const types::IPAddress& address : interface.ipaddresses()) {
      EXPECT_EQ(address.family() == types::v6, address.address().find(':') != std::string::npos);
      list.push_back(address.address() + "/" + address.mask());
    }
    return list;
  }
  static void Add(grpc::Routes* routes, const std::string& dest, const std::string& gateway,
                  const std::string& device, unsigned scope = 0) {
    types::Route* route = routes->add_routes();
    route->set_dest(dest);
    route->set_gateway(gateway);
    route->set_device(device);
    route->set_scope(scope);
  }
  std::vector<std::string> Routes() {
    std::vector<std::string> list;
    const auto routes = DescribeRoutes(socket_.get());
    EXPECT_TRUE(routes.ok());
    for (const types::Route& route : routes->routes()) {
      list.push_back(route.dest() + "|" + route.gateway() + "|" + route.device());
    }
    return list;
  }

  std::unique_ptr<NetlinkSocket> socket_;
};

TEST_F(Net, AnInterfaceBecomesWhatIsWanted) {
  types::Interface interface = Eth0({"10.0.0.2/24", "10.0.0.3/24", "fd00::2/64"});
  interface.set_mtu(1400);
  interface.set_raw_flags(IFF_NOARP);
  const Status updated = Update(interface);
  ASSERT_TRUE(updated.ok()) << updated.message();
  const types::Interface now = Described("eth0");
  EXPECT_EQ(now.mtu(), 1400U);
  EXPECT_EQ(now.hwaddr(), kMac);
  EXPECT_EQ(now.raw_flags(), static_cast<unsigned>(IFF_NOARP));
  for (const char* address : {"10.0.0.2/24", "10.0.0.3/24", "fd00::2/64"}) {
    EXPECT_THAT(AddressesOf("eth0"), Contains(address));
  }
  const auto link = LinkByName(socket_.get(), "eth0");
  EXPECT_NE(link->flags & IFF_UP, 0U);

  ASSERT_TRUE(Update(Eth0({"10.0.1.2/16"})).ok());
  EXPECT_THAT(AddressesOf("eth0"), Contains("10.0.1.2/16"));
  EXPECT_THAT(AddressesOf("eth0"), Not(Contains("10.0.0.2/24")));
  EXPECT_THAT(AddressesOf("eth0"), Not(Contains("10.0.0.3/24")));
  EXPECT_THAT(AddressesOf("eth0"), Not(Contains("fd00::2/64")));
  EXPECT_EQ(Described("eth0").mtu(), 1400U) << "0 leaves it";
  EXPECT_EQ(Described("eth0").raw_flags(), 0U);
}

TEST_F(Net, TheSameAgainIsNoError) {
  const types::Interface interface = Eth0({"10.0.0.2/24", "fd00::2/64"});
  ASSERT_TRUE(Update(interface).ok());
  EXPECT_TRUE(Update(interface).ok());
}

TEST_F(Net, ATakenNameIsMadeFree) {
  types::Interface other = Eth0({});
  other.set_hwaddr(kPeerMac);
  ASSERT_TRUE(Update(other).ok());
  const Status updated = Update(Eth0({"10.0.0.2/24"}));
  ASSERT_TRUE(updated.ok()) << updated.message();
  EXPECT_EQ(Described("eth0").hwaddr(), kMac);
  EXPECT_EQ(Described("other0").hwaddr(), kPeerMac);
}

TEST_F(Net, WrongInterfacesAreRefusedAndChangeNothing) {
  std::vector<types::Interface> bad(6, Eth0({"10.0.0.2/24"}));
  bad[0].set_name("a-name-that-is-too-long");
  bad[1].set_name("eth%d");
  bad[2].set_hwaddr("");
  bad[3].set_hwaddr("zz:00:00:00:00:01");
  bad[4].set_mtu(1ULL << 40U);
  bad[5].mutable_ipaddresses(0)->set_mask("99");
  for (const types::Interface& interface : bad) {
    EXPECT_EQ(Update(interface).code(), StatusCode::kInvalidArgument);
  }
  types::Interface unknown = Eth0({});
  unknown.set_hwaddr("02:00:00:00:00:99");
  const Status status = Update(unknown);
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr("02:00:00:00:00:99"));
  EXPECT_TRUE(LinkByName(socket_.get(), "v0").ok());
}

TEST_F(Net, AnMtuTheKernelRefusesIsNamed) {
  types::Interface interface = Eth0({});
  interface.set_mtu(10);
  const Status status = Update(interface);
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(status.message(), HasSubstr("MTU of eth0 to 10"));
}

TEST_F(Net, RoutesAreReplacedAsAWhole) {
  ASSERT_TRUE(Update(Eth0({"10.0.0.2/24", "fd00::2/64"})).ok());
  grpc::Routes first;
  Add(&first, "10.9.0.0/16", "10.0.0.7", "eth0");  // before the route that makes it reachable
  Add(&first, "", "10.0.0.1", "eth0");
  Add(&first, "192.168.7.1/32", "", "eth0", RT_SCOPE_LINK);
  Add(&first, "fd01::/64", "fd00::1", "eth0");
  Add(&first, "::/0", "fd00::1", "eth0");
  Status status = ReplaceRoutes(socket_.get(), first);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_THAT(Routes(), Contains("10.9.0.0/16|10.0.0.7|eth0"));
  EXPECT_THAT(Routes(), Contains("|10.0.0.1|eth0"));
  EXPECT_THAT(Routes(), Contains("|fd00::1|eth0"));
  EXPECT_THAT(Routes(), Contains("fd01::/64|fd00::1|eth0"));
  EXPECT_THAT(Routes(), Contains("10.0.0.0/24||eth0")) << "the kernel's";

  grpc::Routes second;
  Add(&second, "default", "192.168.7.1", "eth0");
  Add(&second, "192.168.7.1", "", "eth0", RT_SCOPE_LINK);
  Add(&second, "192.168.7.1", "", "eth0", RT_SCOPE_LINK);  // twice is no error
  status = ReplaceRoutes(socket_.get(), second);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_THAT(Routes(), Contains("|192.168.7.1|eth0"));
  EXPECT_THAT(Routes(), Not(Contains("10.9.0.0/16|10.0.0.7|eth0")));
  EXPECT_THAT(Routes(), Not(Contains("fd01::/64|fd00::1|eth0")));
  EXPECT_THAT(Routes(), Contains("10.0.0.0/24||eth0")) << "the kernel's";
  ASSERT_TRUE(ReplaceRoutes(socket_.get(), second).ok()) << "again";

  // What is listed can be asked for.
  const auto listed = DescribeRoutes(socket_.get());
  EXPECT_TRUE(ReplaceRoutes(socket_.get(), *listed).ok());
  EXPECT_THAT(Routes(), Contains("|192.168.7.1|eth0"));
}

TEST_F(Net, RoutesOfLoAreLeftAlone) {
  const auto lo = LinkByName(socket_.get(), "lo");
  grpc::Routes routes;
  Add(&routes, "10.77.0.0/16", "", "lo", RT_SCOPE_LINK);
  ASSERT_TRUE(ReplaceRoutes(socket_.get(), routes).ok());
  ASSERT_TRUE(ReplaceRoutes(socket_.get(), {}).ok());
  EXPECT_THAT(Routes(), Contains("10.77.0.0/16||lo"));
}

TEST_F(Net, WrongRoutesAreRefusedBeforeAnyIsDeleted) {
  ASSERT_TRUE(Update(Eth0({"10.0.0.2/24"})).ok());
  grpc::Routes good;
  Add(&good, "", "10.0.0.1", "eth0");
  ASSERT_TRUE(ReplaceRoutes(socket_.get(), good).ok());
  const auto refused = [this](const std::string& dest, const std::string& gateway,
                              const std::string& device, unsigned scope) {
    grpc::Routes routes;
    Add(&routes, dest, gateway, device, scope);
    return ReplaceRoutes(socket_.get(), routes).code();
  };
  EXPECT_EQ(refused("10.0.0.0/99", "", "eth0", 0), StatusCode::kInvalidArgument);
  EXPECT_EQ(refused("", "fd00::1/x", "eth0", 0), StatusCode::kInvalidArgument);
  EXPECT_EQ(refused("10.0.0.0/8", "fd00::1", "eth0", 0), StatusCode::kInvalidArgument);
  EXPECT_EQ(refused("10.0.0.0/8", "", "", 0), StatusCode::kInvalidArgument);
  EXPECT_EQ(refused("10.0.0.0/8", "", "eth0", 256), StatusCode::kInvalidArgument);
  EXPECT_EQ(refused("10.0.0.0/8", "", "eth7", 0), StatusCode::kNotFound);
  EXPECT_THAT(Routes(), Contains("|10.0.0.1|eth0"));
}

TEST_F(Net, ARouteTheKernelRefusesTellsWhatIsLeft) {
  ASSERT_TRUE(Update(Eth0({"10.0.0.2/24"})).ok());
  grpc::Routes routes;
  Add(&routes, "10.8.0.0/16", "", "eth0", RT_SCOPE_LINK);
  Add(&routes, "", "172.16.0.1", "eth0");  // nobody can reach this one
  const Status status = ReplaceRoutes(socket_.get(), routes);
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(status.message(), HasSubstr("routes there are now: "));
  EXPECT_THAT(status.message(), HasSubstr("10.8.0.0/16 dev eth0"));
}

TEST_F(Net, Neighbors) {
  ASSERT_TRUE(Update(Eth0({"10.0.0.2/24"})).ok());
  grpc::ARPNeighbors neighbors;
  types::ARPNeighbor* neighbor = neighbors.add_arpneighbors();
  neighbor->mutable_toipaddress()->set_address("10.0.0.9");
  neighbor->set_device("eth0");
  neighbor->set_lladdr("02:00:00:00:00:09");
  neighbor->set_state(0x80);
  const Status added = AddNeighbors(socket_.get(), neighbors);
  ASSERT_TRUE(added.ok()) << added.message();
  EXPECT_TRUE(AddNeighbors(socket_.get(), neighbors).ok()) << "again";
  const auto list = socket_->List(NetlinkRequest(RTM_GETNEIGH, NLM_F_DUMP, ndmsg{}));
  ASSERT_TRUE(list.ok());
  bool found = false;
  for (const NetlinkMessage& message : *list) {
    const auto attributes = message.Attributes(sizeof(ndmsg));
    if (BytesOf(attributes, NDA_DST) != std::string_view("\x0a\0\0\x09", 4)) continue;
    found = LinkAddressText(BytesOf(attributes, NDA_LLADDR)) == "02:00:00:00:00:09";
    EXPECT_EQ(message.As<ndmsg>().ndm_state, 0x80);
  }
  EXPECT_TRUE(found);

  types::ARPNeighbor* bad = neighbors.add_arpneighbors();
  EXPECT_EQ(AddNeighbors(socket_.get(), neighbors).code(), StatusCode::kInvalidArgument);
  bad->mutable_toipaddress()->set_address("fd00::9");
  bad->set_device("eth9");
  EXPECT_EQ(AddNeighbors(socket_.get(), neighbors).code(), StatusCode::kNotFound);
}

TEST_F(Net, AMalformedAnswerIsNoTrap) {
  NetlinkMessage message{RTM_NEWLINK, std::string("\xff\xff\x01\0 short", 10)};
  EXPECT_TRUE(message.Attributes(0).empty());
  EXPECT_TRUE(message.Attributes(100).empty());
  EXPECT_EQ(message.As<ifinfomsg>().ifi_change, 0U) << "beyond its end";
}

}  // namespace
}  // namespace shoji::agent
