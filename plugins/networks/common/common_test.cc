// Marks, states, limits: what needs no namespace.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <net/if_arp.h>

#include "link_state.h"
#include "ports.h"
#include "shaping.h"
#include "site.h"

namespace shoji::network {
namespace {

TEST(Mark, IsReadBack) {
  const Mark mark{"tcfilter", "box:with:colons", 42, true};
  const auto read = ParseMark(mark.Text());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->model, "tcfilter");
  EXPECT_EQ(read->sandbox_id, "box:with:colons");
  EXPECT_EQ(read->interface, 42);
  EXPECT_TRUE(read->whole);
  EXPECT_LT(Mark({"tcfilter", std::string(kMaxSandboxId, 'x'), 2147483647, false}).Text().size(),
            256U)
      << "an alias takes no more";
  for (const char* text : {"", "shoji", "shoji:tcfilter:joined:x:box", "shoji:tcfilter:joined:1",
                           "other:tcfilter:joined:1:box", "shoji:tcfilter:half:1:box",
                           "shoji:tcfilter:joined:99999999999:box", "shoji:tcfilter:joined:1x:b"}) {
    EXPECT_FALSE(ParseMark(text)) << text;
  }
}

TEST(Cookie, TellsSandboxesAndModelsApart) {
  const std::string cookie = CookieOf("tcfilter", "box");
  EXPECT_EQ(cookie.size(), 16U);
  EXPECT_TRUE(IsCookie(cookie));
  EXPECT_FALSE(IsCookie("0123456789abcdef"));
  EXPECT_FALSE(IsCookie(cookie.substr(0, 15)));
  EXPECT_NE(cookie, CookieOf("tcfilter", "box2"));
  EXPECT_NE(cookie, CookieOf("bridged", "box"));
}

TEST(State, IsReadBack) {
  const LinkState state{"tcfilter",
                        "box",
                        "/run/netns/a \"b\"",
                        2,
                        {{"eth0", 3, "tap0_shoji", 7, "02:00:00:00:00:01", 1400}}};
  const auto text = LinkStateText(state);
  ASSERT_TRUE(text.ok());
  const auto read = ParseLinkState(*text, "tcfilter");
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->netns, state.netns);
  ASSERT_EQ(read->ports.size(), 1U);
  EXPECT_EQ(read->ports[0].device, "tap0_shoji");
  EXPECT_EQ(read->ports[0].device_index, 7);
  EXPECT_EQ(read->ports[0].mtu, 1400U);
  EXPECT_EQ(ParseLinkState(*text, "bridged").status().code(), StatusCode::kDataLoss);
  for (std::size_t length = 0; length < text->size(); ++length) {
    EXPECT_FALSE(ParseLinkState(text->substr(0, length), "tcfilter").ok()) << length;
  }
  for (const char* bad : {"[]", "null", R"({"format":2,"model":"tcfilter"})",
                          R"({"format":1,"model":"tcfilter","sandbox":1})",
                          R"({"format":1,"model":"tcfilter","sandbox":"a","netns":"b","queues":1,)"
                          R"("ports":[["eth0"]]})"}) {
    EXPECT_EQ(ParseLinkState(bad, "tcfilter").status().code(), StatusCode::kDataLoss) << bad;
  }
}

TEST(State, HasALargestSize) {
  LinkState state{"tcfilter", "box", "/run/netns/a", 1, {}};
  state.ports.assign(
      100, {"fifteenbytes-01", 100000, "tap9999_shoji", 100000, "02:00:00:00:00:01", 65521});
  EXPECT_TRUE(LinkStateText(state).ok());
  state.ports.resize(1000);
  EXPECT_EQ(LinkStateText(state).status().code(), StatusCode::kResourceExhausted);
}

netlink::Link Device(int index, const char* name) {
  netlink::Link link;
  link.index = index;
  link.name = name;
  link.type = ARPHRD_ETHER;
  link.flags = IFF_UP;
  link.address = std::string("\x02\0\0\0\0\x01", 6);
  return link;
}

TEST(Usable, WhatAGuestIsMeantToHave) {
  std::vector<netlink::Link> links;
  for (int i = 1; i <= 8; ++i) links.push_back(Device(i, ("dev" + std::to_string(i)).c_str()));
  links[0].flags |= IFF_LOOPBACK;
  links[1].type = ARPHRD_TUNNEL;
  links[2].master = 8;
  links[3].alias = Mark{"tcfilter", "box", 8, true}.Text();
  links[4].flags = 0;  // off, without an address
  links[5].flags = 0;  // off, with one
  links[6].address.clear();
  const std::vector<netlink::LinkAddress> addresses = {{6, 0, {}}};
  const auto usable = Usable(links, addresses, {"dev9"});
  ASSERT_EQ(usable.size(), 2U);
  EXPECT_EQ(usable[0].name, "dev6");
  EXPECT_EQ(usable[1].name, "dev8");
  EXPECT_EQ(Usable(links, addresses, {"dev8"}).size(), 1U);
  for (const std::size_t i : {0U, 1U, 2U, 3U, 6U}) {
    EXPECT_EQ(CheckUsable(links[i]).code(), StatusCode::kFailedPrecondition) << i;
  }
  EXPECT_TRUE(CheckUsable(links[4]).ok()) << "asked for by name";
}

TEST(Bucket, HoldsAFrameHoweverSmallTheLimit) {
  const auto bucket = BucketOf("rx", {1, 1, 0}, 9000);
  ASSERT_TRUE(bucket.ok() && *bucket);
  EXPECT_GE((*bucket)->burst_bytes, 9014U);
  EXPECT_GT((*bucket)->queue_bytes, (*bucket)->burst_bytes);
  EXPECT_EQ((*bucket)->peak_bytes_per_s, 0U);
}

TEST(Bucket, LargeNumbersAreKept) {
  const auto bucket = BucketOf("tx", {50'000'000'000, 4'294'967'295, 99'000'000'000}, 1500);
  ASSERT_TRUE(bucket.ok() && *bucket);
  EXPECT_EQ((*bucket)->bytes_per_s, 50'000'000'000U);
  EXPECT_EQ((*bucket)->burst_bytes, 4'294'967'295U);
  EXPECT_EQ((*bucket)->peak_bytes_per_s, 99'000'000'000U);
  EXPECT_TRUE(BucketOf("tx", {~0ULL, 0, ~0ULL}, 65521).ok());
  EXPECT_FALSE(BucketOf("tx", {0, 0, 0}, 1500)->has_value());
}

}  // namespace
}  // namespace shoji::network
