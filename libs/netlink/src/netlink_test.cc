// Messages to the kernel and what comes back, also when it is nonsense.
#include "shoji/netlink/netlink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "shoji/netlink/link.h"
#include "shoji/netlink/namespace.h"

namespace shoji::netlink {
namespace {

using ::testing::HasSubstr;

nlmsghdr HeaderOf(const std::string& bytes) {
  nlmsghdr header{};
  std::memcpy(&header, bytes.data(), sizeof header);
  return header;
}

TEST(NetlinkRequest, LengthsAndNests) {
  ifinfomsg info{};
  info.ifi_index = 7;
  NetlinkRequest request(RTM_NEWLINK, NLM_F_CREATE, info);
  request.AddName(IFLA_IFNAME, "eth0").BeginNest(IFLA_LINKINFO);
  request.AddName(IFLA_INFO_KIND, "veth").EndNest().AddLongNumber(99, 0x1122334455667788U);
  const std::string bytes = request.Bytes(5);
  EXPECT_EQ(HeaderOf(bytes).nlmsg_len, bytes.size());
  EXPECT_EQ(HeaderOf(bytes).nlmsg_seq, 5U);
  EXPECT_EQ(HeaderOf(bytes).nlmsg_flags, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_ACK);

  const auto messages = ParseDatagram(bytes);
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages[0].As<ifinfomsg>().ifi_index, 7);
  const NetlinkAttributes attributes = messages[0].Attributes(sizeof info);
  EXPECT_EQ(NameOf(attributes, IFLA_IFNAME), "eth0");
  EXPECT_EQ(NameOf(ParseAttributes(BytesOf(attributes, IFLA_LINKINFO)), IFLA_INFO_KIND), "veth");
  EXPECT_EQ(LongNumberOf(attributes, 99), 0x1122334455667788U);
  EXPECT_EQ(NumberOf(attributes, IFLA_MTU), 0U) << "not there";
  EXPECT_EQ(LongNumberOf(attributes, IFLA_IFNAME), 0U) << "too short";
}

TEST(Netlink, TornDatagramsGiveWhatIsWhole) {
  const NetlinkRequest request(RTM_GETLINK, 0, ifinfomsg{});
  const std::string one = request.Bytes(1);
  EXPECT_EQ(ParseDatagram(one + one).size(), 2U);
  for (std::size_t cut = 0; cut < one.size(); ++cut) {
    EXPECT_EQ(ParseDatagram(one + one.substr(0, cut)).size(), 1U) << cut;
  }
  std::string lies = one;
  const std::uint32_t huge = 0xfffffff0U;
  std::memcpy(lies.data(), &huge, sizeof huge);
  EXPECT_TRUE(ParseDatagram(lies).empty());
  const std::uint32_t tiny = 3;
  std::memcpy(lies.data(), &tiny, sizeof tiny);
  EXPECT_TRUE(ParseDatagram(lies).empty());
  EXPECT_TRUE(ParseDatagram("").empty());
}

TEST(Netlink, TornAttributesAreLeftOut) {
  EXPECT_TRUE(ParseAttributes("").empty());
  EXPECT_TRUE(ParseAttributes(std::string("\x03\x00\x01\x00", 4)).empty()) << "shorter than itself";
  EXPECT_TRUE(ParseAttributes(std::string("\x09\x00\x01\x00wxyz", 8)).empty()) << "beyond the end";
  const auto first =
      ParseAttributes(std::string("\x05\x00\x01\x00w\x00\x00\x00\xff\xff\x02\x00", 12));
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first.at(1), "w");
}

TEST(Netlink, ALinkOfAnyBytes) {
  for (std::size_t length = 0; length < 64; ++length) {
    const Link link = ParseLink({RTM_NEWLINK, std::string(length, '\xff')});
    EXPECT_TRUE(link.name.empty());
    EXPECT_TRUE(link.kind.empty());
  }
}

TEST(NetlinkSocket, TheKernelsWordsAndErrno) {
  auto socket = NetlinkSocket::Open();
  ASSERT_TRUE(socket.ok());
  const Status status = SwitchLink(&*socket, 0x7ffffff0, true);
  EXPECT_EQ(status.sys_errno(), ENODEV);
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_TRUE(DeleteLink(&*socket, 0x7ffffff0).ok()) << "gone already";
  EXPECT_EQ(LinkByName(&*socket, "no-such-device").status().code(), StatusCode::kNotFound);
}

class Namespace : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(mkdtemp(dir_.data()), nullptr);
    file_ = dir_ + "/ns";
  }
  void TearDown() override {
    unlink(file_.c_str());
    rmdir(dir_.c_str());
  }
  std::string dir_ = "/tmp/netlink-test.XXXXXX";
  std::string file_;
};

TEST_F(Namespace, WhatIsNoneIsNotFound) {
  EXPECT_EQ(NetNamespace::Open(file_).status().code(), StatusCode::kNotFound);
  std::ofstream(file_) << "";
  EXPECT_EQ(NetNamespace::Open(file_).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(NetNamespace::Open(file_ + "/x").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(NetNamespace::Open("").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(NetNamespace::Open("/proc/self/ns/mnt").status().code(), StatusCode::kNotFound);
  unlink(file_.c_str());
  ASSERT_EQ(mkfifo(file_.c_str(), 0600), 0);
  const Status fifo = NetNamespace::Open(file_).status();
  EXPECT_EQ(fifo.code(), StatusCode::kNotFound) << "and it did not block";
  EXPECT_THAT(fifo.message(), HasSubstr(file_));
}

TEST_F(Namespace, TheCallerStaysWhereItIs) {
  struct stat before {};
  struct stat after {};
  auto first = NetNamespace::Open("/proc/thread-self/ns/net");
  ASSERT_TRUE(first.ok());
  ASSERT_EQ(unshare(CLONE_NEWNET), 0);
  auto here = NetNamespace::Open("/proc/thread-self/ns/net");
  ASSERT_TRUE(here.ok());
  EXPECT_TRUE(here->IsSameAs("/proc/thread-self/ns/net"));
  EXPECT_FALSE(first->IsSameAs("/proc/thread-self/ns/net"));
  EXPECT_FALSE(here->IsSameAs(file_));
  ASSERT_EQ(stat("/proc/thread-self/ns/net", &before), 0);
  EXPECT_EQ(first->Run([] { return Aborted("told"); }).code(), StatusCode::kAborted);
  EXPECT_EQ(first->Run([]() -> Status { throw std::runtime_error("thrown"); }).code(),
            StatusCode::kInternal);
  ASSERT_EQ(stat("/proc/thread-self/ns/net", &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
  auto socket = here->OpenSocket();
  ASSERT_TRUE(socket.ok());
  const auto links = ListLinks(&*socket);
  ASSERT_TRUE(links.ok());
  for (const Link& link : *links) EXPECT_NE(link.kind, "veth") << "a new namespace has none";
}

}  // namespace
}  // namespace shoji::netlink
