// What only tcfilter does; what it shares with other models is in ../common/testing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <optional>

#include "shoji/netlink/tc.h"
#include "testing/driver.h"
#include "testing/guest.h"
#include "testing/pod.h"

namespace shoji::network::testing {
namespace {

using ::testing::HasSubstr;

constexpr char kMac[] = "02:00:00:00:00:02";

class TcFilterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    pod_.AddVeth("eth0", "out0", kMac);
    pod_.AddAddress(pod_.outside(), "out0", "10.9.0.1/24");
    auto socket = pod_.inside().OpenSocket();
    ASSERT_TRUE(socket.ok());
    socket_.emplace(std::move(*socket));
    eth0_ = pod_.Inside("eth0").index;
    before_ = pod_.Dump();
  }
  shoji_network_link* Join(const char* id) {
    shoji_network_link* link = nullptr;
    EXPECT_EQ(driver_.Join(id, pod_.path(), &link), SHOJI_OK) << driver_.error.message;
    return link;
  }
  int TapIndex() {
    const auto links = netlink::ListLinks(&*socket_);
    for (const netlink::Link& link : *links) {
      if (link.kind == "tun") return link.index;
    }
    return 0;
  }

  Pod pod_;
  Driver driver_;
  std::optional<netlink::NetlinkSocket> socket_;
  int eth0_ = 0;
  std::string before_;
};

TEST_F(TcFilterTest, AnInterfaceThatOthersFilterIsRefused) {
  ASSERT_TRUE(netlink::AddIngress(&*socket_, eth0_).ok());
  const std::string before = pod_.Dump();
  shoji_network_link* link = nullptr;
  EXPECT_EQ(driver_.Join("box", pod_.path(), &link), SHOJI_FAILED_PRECONDITION);
  EXPECT_THAT(driver_.error.message, HasSubstr("interface eth0 of network namespace"));
  EXPECT_EQ(pod_.Dump(), before);
  ASSERT_TRUE(netlink::AddRedirect(&*socket_, eth0_, 1, std::string(16, 'z')).ok());
  EXPECT_EQ(driver_.Join("box", pod_.path(), &link), SHOJI_FAILED_PRECONDITION);
}

TEST_F(TcFilterTest, LeavesWhateverIsLeft) {
  const std::vector<std::function<void()>> breaks = {
      [&] { EXPECT_TRUE(netlink::DeleteLink(&*socket_, TapIndex()).ok()); },
      [&] { EXPECT_TRUE(netlink::DeleteIngress(&*socket_, eth0_).ok()); },
      [&] { EXPECT_TRUE(netlink::DeleteIngressFilters(&*socket_, eth0_, 1).ok()); },
      [&] { EXPECT_TRUE(netlink::DeleteIngress(&*socket_, TapIndex()).ok()); },
      [&] {
        EXPECT_TRUE(netlink::DeleteIngress(&*socket_, eth0_).ok());
        EXPECT_TRUE(netlink::DeleteLink(&*socket_, TapIndex()).ok());
      }};
  for (std::size_t i = 0; i < breaks.size(); ++i) {
    shoji_network_link* link = Join("box");
    breaks[i]();
    EXPECT_EQ(driver_.Leave(link), SHOJI_OK) << driver_.error.message;
    EXPECT_EQ(pod_.Dump(), before_) << i;
  }
}

TEST_F(TcFilterTest, AFilterWhoseTapIsGoneIsCleanedUpByTheNext) {
  shoji_network_link* link = Join("box");
  driver_.table->close_link(link);
  ASSERT_TRUE(netlink::DeleteLink(&*socket_, TapIndex()).ok());
  EXPECT_NE(pod_.Dump(), before_) << "the filter is still there, and drops everything";
  link = Join("next");
  Guest guest(driver_.Nics(link)[0].tap_fds[0], kMac);
  EXPECT_EQ(Exchange(pod_.outside(), &guest, "10.9.0.2", "hello"), "hello");
  EXPECT_EQ(driver_.Leave(link), SHOJI_OK) << driver_.error.message;
  EXPECT_EQ(pod_.Dump(), before_);
}

TEST_F(TcFilterTest, ThePodsKernelSeesNothingOfTheGuestsFrames) {
  pod_.AddAddress(pod_.inside(), "eth0", "10.9.0.2/24");
  shoji_network_link* link = Join("box");
  const auto nic = driver_.Nics(link)[0];
  // The guest is asked for the address although the pod's interface has it too.
  Guest guest(nic.tap_fds[0], kMac);
  EXPECT_EQ(Exchange(pod_.outside(), &guest, "10.9.0.2", "for the guest"), "for the guest");
  EXPECT_GT(guest.arp_requests(), 0U);
  EXPECT_EQ(driver_.Leave(link), SHOJI_OK);
}

}  // namespace
}  // namespace shoji::network::testing
