// Every model that joins a tap and an interface: limits are kept in both directions. Frames are
// counted, not timed. Built into the test of each plugin.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <optional>

#include "shoji/base/deadline.h"
#include "shoji/netlink/tc.h"
#include "testing/driver.h"
#include "testing/guest.h"
#include "testing/pod.h"

namespace shoji::network::testing {
namespace {

using ::testing::HasSubstr;

constexpr char kMac[] = "02:00:00:00:00:02";
constexpr std::size_t kFrames = 200U;  // more arrive when a limit goes: what waited comes along
constexpr std::size_t kPayload = 1400;

class Limits : public ::testing::Test {
 protected:
  void SetUp() override {
    pod_.AddVeth("eth0", "out0", kMac);
    pod_.AddAddress(pod_.inside(), "eth0", "10.9.0.2/24");
    pod_.AddAddress(pod_.outside(), "out0", "10.9.0.1/24");
    pod_.AddNeighbor(pod_.outside(), "out0", "10.9.0.2", kMac);
    ASSERT_EQ(driver_.Join("box", pod_.path(), &link_), SHOJI_OK) << driver_.error.message;
    guest_.emplace(driver_.Nics(link_)[0].tap_fds[0], kMac);
    ASSERT_EQ(Exchange(pod_.outside(), &*guest_, "10.9.0.2", "the wire is on"), "the wire is on");
  }
  void TearDown() override { EXPECT_EQ(driver_.Leave(link_), SHOJI_OK) << driver_.error.message; }

  std::int32_t Limit(std::uint64_t rx, std::uint64_t tx, std::uint64_t burst = 0,
                     std::uint64_t peak = 0) {
    shoji_network_limits limits{};
    limits.struct_size = sizeof limits;
    limits.rx_bytes_per_s = rx;
    limits.tx_bytes_per_s = tx;
    (rx != 0 ? limits.rx_burst_bytes : limits.tx_burst_bytes) = burst;
    (rx != 0 ? limits.rx_peak_bytes_per_s : limits.tx_peak_bytes_per_s) = peak;
    return driver_.Limit(link_, "eth0", limits);
  }

  // How many of many datagrams from outside reach the guest, all sent at once.
  std::size_t CountToGuest() {
    const UniqueFd fd = UdpSocket(pod_.outside(), AF_INET);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(9);
    inet_pton(AF_INET, "10.9.0.2", &to.sin_addr);
    const std::string payload(kPayload, 'x');
    for (std::size_t i = 0; i < kFrames; ++i) {
      (void)!sendto(fd.get(), payload.data(), payload.size(), MSG_DONTWAIT,
                    reinterpret_cast<sockaddr*>(&to), sizeof to);
    }
    return Arrived(guest_->queues()[0], [&] { return guest_->Serve(); });
  }

  // How many frames from the guest reach a socket outside.
  std::size_t CountFromGuest() {
    const UniqueFd fd = UdpSocket(pod_.outside(), AF_INET);
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_port = htons(9);
    EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&here), sizeof here), 0);
    const std::string frame =
        UdpFrame(OutsideMac(), kMac, "10.9.0.2", "10.9.0.1", 9, std::string(kPayload, 'x'));
    for (std::size_t i = 0; i < kFrames; ++i) EXPECT_TRUE(guest_->Send(frame));
    return Arrived(fd.get(), [&] {
      std::size_t count = 0;
      char byte = 0;
      while (recv(fd.get(), &byte, 1, MSG_TRUNC) > 0) ++count;
      return count;
    });
  }

 private:
  // Until all are there, or as many as a limit lets pass at once: the rest trickles.
  template <typename Take>
  static std::size_t Arrived(int fd, Take take) {
    std::size_t count = take();
    const Deadline deadline = Deadline::After(std::chrono::seconds(2));
    while (count < kFrames && !deadline.passed()) {
      pollfd wait{fd, POLLIN, 0};
      if (poll(&wait, 1, deadline.PollTimeout()) > 0) count += take();
    }
    return count;
  }
  std::string OutsideMac() {
    auto socket = pod_.outside().OpenSocket();
    return netlink::LinkAddressText(netlink::LinkByName(&*socket, "out0")->address);
  }

 protected:
  Pod pod_;
  Driver driver_;
  shoji_network_link* link_ = nullptr;
  std::optional<Guest> guest_;
};

// 10 KB/s: two seconds let 14 frames pass, beside the burst and what waits in the queue.
constexpr std::uint64_t kSlow = 10'000;
constexpr std::uint64_t kBurst = 20'000;
constexpr std::size_t kFew = kFrames / 3;

TEST_F(Limits, TowardsTheGuest) {
  EXPECT_GE(CountToGuest(), kFrames);
  ASSERT_EQ(Limit(kSlow, 0, kBurst), SHOJI_OK) << driver_.error.message;
  const std::size_t limited = CountToGuest();
  EXPECT_LT(limited, kFew);
  EXPECT_GT(limited, 10U) << "the burst passes at once";
  EXPECT_GE(CountFromGuest(), kFrames) << "the other way is free";
  ASSERT_EQ(Limit(100'000'000, 0, 1'000'000), SHOJI_OK) << "replaced";
  EXPECT_GE(CountToGuest(), kFrames);
  ASSERT_EQ(Limit(kSlow, 0, kBurst), SHOJI_OK);
  ASSERT_EQ(Limit(0, 0), SHOJI_OK) << "removed";
  EXPECT_GE(CountToGuest(), kFrames);
}

TEST_F(Limits, FromTheGuest) {
  EXPECT_GE(CountFromGuest(), kFrames);
  ASSERT_EQ(Limit(0, kSlow, kBurst), SHOJI_OK) << driver_.error.message;
  const std::size_t limited = CountFromGuest();
  EXPECT_LT(limited, kFew);
  EXPECT_GT(limited, 10U) << "the burst passes at once";
  EXPECT_GE(CountToGuest(), kFrames) << "the other way is free";
  ASSERT_EQ(Limit(0, 0), SHOJI_OK) << "removed";
  EXPECT_GE(CountFromGuest(), kFrames);
}

TEST_F(Limits, APeakHoldsTheBurstBack) {
  // All fits the burst, but only the peak's rate is allowed while it lasts.
  ASSERT_EQ(Limit(0, kSlow, 1'000'000), SHOJI_OK) << driver_.error.message;
  EXPECT_GE(CountFromGuest(), kFrames);
  ASSERT_EQ(Limit(0, kSlow, 1'000'000, 2 * kSlow), SHOJI_OK) << driver_.error.message;
  EXPECT_LT(CountFromGuest(), kFrames / 2);
  ASSERT_EQ(Limit(0, kSlow, 1'000'000, kSlow), SHOJI_OK) << driver_.error.message;
  EXPECT_LT(CountFromGuest(), kFew) << "a peak that is the average allows no burst";
}

TEST_F(Limits, AnotherProcessMayChangeThem) {
  ASSERT_EQ(Limit(0, kSlow, kBurst), SHOJI_OK) << driver_.error.message;
  shoji_network_link* other = nullptr;
  ASSERT_EQ(driver_.Attach(driver_.State(link_), &other), SHOJI_OK) << driver_.error.message;
  shoji_network_limits none{};
  none.struct_size = sizeof none;
  EXPECT_EQ(driver_.Limit(other, "eth0", none), SHOJI_OK) << driver_.error.message;
  EXPECT_EQ(driver_.Limit(other, "eth0", none), SHOJI_OK) << "and again";
  driver_.table->close_link(other);
  EXPECT_GE(CountFromGuest(), kFrames);
}

TEST_F(Limits, WhatMakesNoSenseIsRefused) {
  const std::string before = pod_.Dump();
  EXPECT_EQ(Limit(kSlow, 0, 0, kSlow / 2), SHOJI_INVALID_ARGUMENT);
  EXPECT_EQ(Limit(0, 0, kBurst), SHOJI_INVALID_ARGUMENT) << "a burst of nothing";
  EXPECT_EQ(Limit(kSlow, 0, 1ULL << 40U), SHOJI_UNIMPLEMENTED);
  shoji_network_limits limits{};
  limits.struct_size = sizeof limits;
  EXPECT_EQ(driver_.Limit(link_, "eth7", limits), SHOJI_NOT_FOUND);
  EXPECT_THAT(driver_.error.message, HasSubstr("eth7"));
  EXPECT_EQ(pod_.Dump(), before);
}

TEST_F(Limits, AQueueOfSomebodyElseStays) {
  auto socket = pod_.inside().OpenSocket();
  ASSERT_TRUE(socket.ok());
  const int eth0 = pod_.Inside("eth0").index;
  ASSERT_TRUE(netlink::SetTokenBucket(&*socket, eth0, 0x10000, {1'000'000, 9000, 0, 0, 9000}).ok());
  const std::string before = pod_.Dump();
  EXPECT_EQ(Limit(0, kSlow), SHOJI_FAILED_PRECONDITION);
  EXPECT_THAT(driver_.error.message, HasSubstr("tbf"));
  EXPECT_EQ(Limit(0, 0), SHOJI_OK);
  EXPECT_EQ(pod_.Dump(), before);
}

}  // namespace
}  // namespace shoji::network::testing
