// Filters and token buckets: the messages, and the kernel's opinion of them.
#include "shoji/netlink/tc.h"

#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/tc_act/tc_mirred.h>
#include <sched.h>

#include <optional>
#include <string>

#include "shoji/netlink/link.h"

namespace shoji::netlink {
namespace {

const std::string kCookie = "0123456789abcdef";

NetlinkMessage Sent(const NetlinkRequest& request) { return ParseDatagram(request.Bytes(1))[0]; }

TEST(Redirect, TheMessage) {
  const NetlinkMessage message = Sent(RedirectRequest(3, 9, kCookie));
  const auto head = message.As<tcmsg>();
  EXPECT_EQ(head.tcm_ifindex, 3);
  EXPECT_EQ(head.tcm_parent, 0xfffffff2U);
  EXPECT_EQ(head.tcm_info & 0xffffU, 0x0300U) << "all protocols, big endian";
  const auto options = ParseAttributes(BytesOf(message.Attributes(sizeof head), TCA_OPTIONS));
  EXPECT_EQ(BytesOf(options, TCA_U32_SEL).size(), sizeof(tc_u32_sel));
}

// As the kernel tells it: with a handle.
NetlinkMessage Told(const NetlinkRequest& request) {
  NetlinkMessage message = Sent(request);
  auto head = message.As<tcmsg>();
  head.tcm_handle = 0x80000800;
  std::memcpy(message.body.data(), &head, sizeof head);
  return message;
}

TEST(Redirect, IsReadBack) {
  IngressFilter filter;
  ASSERT_TRUE(ParseIngressFilter(Told(RedirectRequest(3, 9, kCookie)), &filter));
  EXPECT_EQ(filter.redirect_to, 9);
  EXPECT_EQ(filter.cookie, kCookie);
  EXPECT_EQ(filter.priority, 1U);
  EXPECT_FALSE(ParseIngressFilter(Sent(RedirectRequest(3, 9, kCookie)), &filter)) << "no handle";
}

TEST(Redirect, TornAnswersAreNoTrap) {
  const NetlinkMessage whole = Told(RedirectRequest(3, 9, kCookie));
  for (std::size_t length = 0; length < whole.body.size(); ++length) {
    NetlinkMessage torn = whole;
    torn.body.resize(length);
    IngressFilter filter;
    if (!ParseIngressFilter(torn, &filter)) continue;
    EXPECT_EQ(filter.redirect_to, 0) << length;
  }
}

TEST(TokenBucket, TheMessage) {
  const NetlinkMessage message =
      Sent(TokenBucketRequest(3, 0x10000, {1000, 2000, 5'000'000'000, 1600, 3000}));
  const auto options = ParseAttributes(BytesOf(message.Attributes(sizeof(tcmsg)), TCA_OPTIONS));
  tc_tbf_qopt parameters{};
  ASSERT_EQ(BytesOf(options, TCA_TBF_PARMS).size(), sizeof parameters);
  std::memcpy(&parameters, BytesOf(options, TCA_TBF_PARMS).data(), sizeof parameters);
  EXPECT_EQ(parameters.rate.rate, 1000U);
  EXPECT_EQ(parameters.peakrate.rate, 0xffffffffU) << "the whole number is beside it";
  EXPECT_EQ(LongNumberOf(options, TCA_TBF_PRATE64), 5'000'000'000U);
  EXPECT_EQ(NumberOf(options, TCA_TBF_BURST), 2000U);
  EXPECT_EQ(NumberOf(options, TCA_TBF_PBURST), 1600U);
  EXPECT_EQ(parameters.limit, 3000U);
}

// On the loopback device of a namespace of its own.
class Tc : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(unshare(CLONE_NEWNET), 0);
    auto opened = NetlinkSocket::Open();
    ASSERT_TRUE(opened.ok());
    socket_.emplace(std::move(*opened));
    ASSERT_TRUE(SwitchLink(&*socket_, kLo, true).ok());
  }
  int Count(std::uint32_t parent) {
    int count = 0;
    const auto qdiscs = ListQdiscs(&*socket_);
    EXPECT_TRUE(qdiscs.ok());
    for (const Qdisc& qdisc : *qdiscs) count += qdisc.link == kLo && qdisc.parent == parent;
    return count;
  }
  static constexpr int kLo = 1;
  std::optional<NetlinkSocket> socket_;
};

TEST_F(Tc, FiltersComeAndGo) {
  EXPECT_TRUE(ListIngressFilters(&*socket_, kLo)->empty());
  EXPECT_FALSE(AddRedirect(&*socket_, kLo, kLo, kCookie).ok()) << "nothing to hang it on";
  const Status added = AddIngress(&*socket_, kLo);
  ASSERT_TRUE(added.ok()) << added.message();
  EXPECT_EQ(AddIngress(&*socket_, kLo).code(), StatusCode::kAlreadyExists);
  const Status redirect = AddRedirect(&*socket_, kLo, kLo, kCookie);
  ASSERT_TRUE(redirect.ok()) << redirect.message();
  const auto filters = ListIngressFilters(&*socket_, kLo);
  ASSERT_TRUE(filters.ok());
  ASSERT_EQ(filters->size(), 1U);
  EXPECT_EQ((*filters)[0].cookie, kCookie);
  EXPECT_EQ((*filters)[0].redirect_to, kLo);
  ASSERT_TRUE(DeleteIngressFilters(&*socket_, kLo, (*filters)[0].priority).ok());
  EXPECT_TRUE(ListIngressFilters(&*socket_, kLo)->empty());
  EXPECT_TRUE(DeleteIngressFilters(&*socket_, kLo, 1).ok()) << "gone already";
  EXPECT_EQ(Count(TC_H_INGRESS), 1);
  EXPECT_TRUE(DeleteIngress(&*socket_, kLo).ok());
  EXPECT_TRUE(DeleteIngress(&*socket_, kLo).ok()) << "gone already";
  EXPECT_TRUE(DeleteIngress(&*socket_, 999).ok()) << "no such device";
  EXPECT_EQ(Count(TC_H_INGRESS), 0);
  EXPECT_FALSE(AddIngress(&*socket_, 999).ok());
}

TEST_F(Tc, TokenBucketsAreReplacedAndRemoved) {
  const std::uint32_t handle = 0x51000000;
  const auto set = [&](const TokenBucket& bucket) {
    return SetTokenBucket(&*socket_, kLo, handle, bucket);
  };
  ASSERT_TRUE(set({1'000'000, 70'000, 0, 0, 100'000}).ok());
  const Status again = set({6'000'000'000, 4'000'000'000U, 9'000'000'000, 100'000, 100'000});
  ASSERT_TRUE(again.ok()) << again.message();
  EXPECT_EQ(Count(TC_H_ROOT), 1);
  EXPECT_FALSE(set({1000, 2000, 1000, 2000, 3000}).ok()) << "a peak below the average";
  EXPECT_TRUE(DeleteRootQdisc(&*socket_, kLo, 0x77000000).ok());
  const auto there = ListQdiscs(&*socket_);
  ASSERT_TRUE(there.ok());
  EXPECT_EQ((*there)[0].handle, handle) << "that was another one";
  EXPECT_TRUE(DeleteRootQdisc(&*socket_, kLo, handle).ok());
  EXPECT_TRUE(DeleteRootQdisc(&*socket_, kLo, handle).ok()) << "gone already";
  EXPECT_TRUE(DeleteRootQdisc(&*socket_, 999, handle).ok()) << "no such device";
  const auto left = ListQdiscs(&*socket_);
  ASSERT_TRUE(left.ok());
  for (const Qdisc& qdisc : *left) EXPECT_EQ(qdisc.handle, 0U) << qdisc.kind;
}

}  // namespace
}  // namespace shoji::netlink
