// What only bridged does; what it shares with other models is in ../common/testing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <optional>

#include "testing/driver.h"
#include "testing/guest.h"
#include "testing/pod.h"

namespace shoji::network::testing {
namespace {

constexpr char kMac[] = "02:00:00:00:00:02";

class BridgedTest : public ::testing::Test {
 protected:
  void SetUp() override {
    pod_.AddVeth("eth0", "out0", kMac);
    pod_.AddAddress(pod_.inside(), "eth0", "10.9.0.2/24");
    pod_.AddAddress(pod_.outside(), "out0", "10.9.0.1/24");
    auto socket = pod_.inside().OpenSocket();
    ASSERT_TRUE(socket.ok());
    socket_.emplace(std::move(*socket));
    before_ = pod_.Dump();
  }
  shoji_network_link* Join(const char* id) {
    shoji_network_link* link = nullptr;
    EXPECT_EQ(driver_.Join(id, pod_.path(), &link), SHOJI_OK) << driver_.error.message;
    return link;
  }
  int IndexOf(const char* kind) {
    const auto links = netlink::ListLinks(&*socket_);
    for (const netlink::Link& link : *links) {
      if (link.kind == kind) return link.index;
    }
    return 0;
  }

  Pod pod_;
  Driver driver_;
  std::optional<netlink::NetlinkSocket> socket_;
  std::string before_;
};

TEST_F(BridgedTest, ThePodsKernelDoesNotAnswerForTheGuest) {
  shoji_network_link* link = Join("box");
  Guest guest(driver_.Nics(link)[0].tap_fds[0], kMac);
  EXPECT_EQ(Exchange(pod_.outside(), &guest, "10.9.0.2", "for the guest"), "for the guest");
  EXPECT_EQ(guest.arp_requests(), 1U);
  EXPECT_EQ(driver_.Leave(link), SHOJI_OK);
}

TEST_F(BridgedTest, LeavesWhateverIsLeft) {
  const std::vector<std::function<void()>> breaks = {
      [&] { EXPECT_TRUE(netlink::DeleteLink(&*socket_, IndexOf("tun")).ok()); },
      [&] { EXPECT_TRUE(netlink::DeleteLink(&*socket_, IndexOf("bridge")).ok()); },
      [&] { EXPECT_TRUE(netlink::SetAlias(&*socket_, IndexOf("bridge"), "").ok()); }};
  for (std::size_t i = 0; i < breaks.size(); ++i) {
    shoji_network_link* link = Join("box");
    breaks[i]();
    EXPECT_EQ(driver_.Leave(link), SHOJI_OK) << driver_.error.message;
    EXPECT_EQ(pod_.Dump(), before_) << i;
  }
}

TEST_F(BridgedTest, ABridgeWhoseTapIsGoneIsCleanedUpByTheNext) {
  shoji_network_link* link = Join("box");
  driver_.table->close_link(link);
  ASSERT_TRUE(netlink::DeleteLink(&*socket_, IndexOf("tun")).ok());
  EXPECT_NE(pod_.Dump(), before_);
  link = Join("next");
  EXPECT_EQ(driver_.Nics(link).size(), 1U);
  EXPECT_EQ(driver_.Leave(link), SHOJI_OK) << driver_.error.message;
  EXPECT_EQ(pod_.Dump(), before_);
}

}  // namespace
}  // namespace shoji::network::testing
