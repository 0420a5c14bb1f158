#include "testing/pod.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <set>
#include <sstream>
#include <thread>

#include "shoji/netlink/address.h"
#include "shoji/netlink/tc.h"

namespace shoji::network::testing {
namespace {

using netlink::BytesOf;
using netlink::Link;
using netlink::LinkByName;
using netlink::NetlinkRequest;
using netlink::NetlinkSocket;
using netlink::NetNamespace;
using netlink::NumberOf;

UniqueFd MakeNamespace() {
  UniqueFd fd;
  std::thread([&fd] {
    if (unshare(CLONE_NEWNET) != 0) return;
    fd.reset(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    auto socket = NetlinkSocket::Open();
    if (socket.ok()) (void)netlink::SwitchLink(&*socket, 1, true);  // lo
  }).join();
  return fd;
}

void Must(const Status& status, const std::string& what) {
  ASSERT_TRUE(status.ok()) << what << ": " << status.message();
}

NetlinkSocket SocketOf(const NetNamespace& where) {
  auto socket = where.OpenSocket();
  EXPECT_TRUE(socket.ok()) << socket.status().message();
  return std::move(*socket);
}

void SwitchOn(const NetNamespace& where, const std::string& name) {
  NetlinkSocket socket = SocketOf(where);
  const auto link = LinkByName(&socket, name);
  ASSERT_TRUE(link.ok()) << link.status().message();
  Must(netlink::SetNoAddresses(&socket, link->index), name);
  Must(netlink::SwitchLink(&socket, link->index, true), name);
}

}  // namespace

Pod::Pod() : inside_fd_(MakeNamespace()), outside_fd_(MakeNamespace()) {
  const std::string fds = "/proc/" + std::to_string(getpid()) + "/fd/";
  path_ = fds + std::to_string(inside_fd_.get());
  auto inside = NetNamespace::Open(path_);
  auto outside = NetNamespace::Open(fds + std::to_string(outside_fd_.get()));
  EXPECT_TRUE(inside.ok() && outside.ok()) << "needs root";
  inside_.emplace(std::move(*inside));
  outside_.emplace(std::move(*outside));
}

void Pod::CloseInside() {
  inside_.reset();
  inside_fd_.reset();
}

void Pod::AddVeth(const std::string& name, const std::string& peer, const std::string& mac,
                  unsigned mtu) {
  NetlinkSocket socket = SocketOf(*inside_);
  NetlinkRequest request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{});
  request.AddName(IFLA_IFNAME, name).Add(IFLA_ADDRESS, *netlink::ParseLinkAddress(mac));
  request.AddNumber(IFLA_MTU, mtu);
  request.BeginNest(IFLA_LINKINFO).AddName(IFLA_INFO_KIND, "veth").BeginNest(IFLA_INFO_DATA);
  request.BeginNest(VETH_INFO_PEER);
  const ifinfomsg info{};
  request.Append(&info, sizeof info);
  request.AddName(IFLA_IFNAME, peer).AddNumber(IFLA_MTU, mtu);
  request.AddNumber(IFLA_NET_NS_FD, static_cast<std::uint32_t>(outside_fd_.get()));
  request.EndNest().EndNest().EndNest();
  Must(socket.Do(request), "veth " + name);
  SwitchOn(*inside_, name);
  SwitchOn(*outside_, peer);
}

void Pod::AddDevice(const std::string& name, const std::string& kind) {
  NetlinkSocket socket = SocketOf(*inside_);
  NetlinkRequest request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{});
  request.AddName(IFLA_IFNAME, name);
  request.BeginNest(IFLA_LINKINFO).AddName(IFLA_INFO_KIND, kind).EndNest();
  Must(socket.Do(request), kind + " " + name);
}

void Pod::AddAddress(const NetNamespace& where, const std::string& device,
                     const std::string& address) {
  NetlinkSocket socket = SocketOf(where);
  const auto prefix = netlink::ParsePrefix(address);
  ifaddrmsg info{};
  info.ifa_family = static_cast<unsigned char>(prefix->family);
  info.ifa_prefixlen = static_cast<unsigned char>(prefix->length);
  info.ifa_index = static_cast<unsigned>(LinkByName(&socket, device)->index);
  if (prefix->family == AF_INET6) info.ifa_flags = IFA_F_NODAD;
  NetlinkRequest request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, info);
  request.Add(IFA_LOCAL, prefix->bytes).Add(IFA_ADDRESS, prefix->bytes);
  Must(socket.Do(request), address);
}

void Pod::AddRoute(const RouteSpec& route) {
  NetlinkSocket socket = SocketOf(*inside_);
  const std::string family_of = route.dest.empty() ? route.gateway : route.dest;
  const auto dest = netlink::ParsePrefix(family_of);
  rtmsg head{};
  head.rtm_family = static_cast<unsigned char>(dest->family);
  head.rtm_dst_len = static_cast<unsigned char>(route.dest.empty() ? 0 : dest->length);
  head.rtm_table = RT_TABLE_MAIN;
  head.rtm_protocol = RTPROT_STATIC;
  head.rtm_scope = route.scope;
  head.rtm_type = RTN_UNICAST;
  head.rtm_flags = route.flags;
  NetlinkRequest request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, head);
  if (!route.dest.empty()) request.Add(RTA_DST, dest->bytes);
  if (!route.gateway.empty()) request.Add(RTA_GATEWAY, netlink::ParsePrefix(route.gateway)->bytes);
  if (route.metric != 0) request.AddNumber(RTA_PRIORITY, route.metric);
  const int link = LinkByName(&socket, route.device)->index;
  Must(socket.Do(request.AddNumber(RTA_OIF, static_cast<std::uint32_t>(link))), route.dest);
}

void Pod::AddNeighbor(const NetNamespace& where, const std::string& device,
                      const std::string& address, const std::string& mac) {
  NetlinkSocket socket = SocketOf(where);
  const auto to = netlink::ParsePrefix(address);
  ndmsg head{};
  head.ndm_family = static_cast<unsigned char>(to->family);
  head.ndm_ifindex = LinkByName(&socket, device)->index;
  head.ndm_state = NUD_PERMANENT;
  NetlinkRequest request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, head);
  request.Add(NDA_DST, to->bytes).Add(NDA_LLADDR, *netlink::ParseLinkAddress(mac));
  Must(socket.Do(request), address);
}

void Pod::Delete(const std::string& device) {
  NetlinkSocket socket = SocketOf(*inside_);
  Must(netlink::DeleteLink(&socket, LinkByName(&socket, device)->index), device);
}

Link Pod::Inside(const std::string& device) const {
  NetlinkSocket socket = SocketOf(*inside_);
  const auto link = LinkByName(&socket, device);
  EXPECT_TRUE(link.ok()) << link.status().message();
  return link.ok() ? *link : Link{};
}

std::size_t Pod::CountTaps() const {
  NetlinkSocket socket = SocketOf(*inside_);
  std::size_t count = 0;
  const auto links = netlink::ListLinks(&socket);
  for (const Link& link : *links) count += link.kind == "tun";
  return count;
}

std::string Pod::Dump() const {
  NetlinkSocket socket = SocketOf(*inside_);
  std::ostringstream text;
  const auto links = netlink::ListLinks(&socket);
  const auto qdiscs = netlink::ListQdiscs(&socket);
  const auto addresses = netlink::ListAddresses(&socket);
  constexpr unsigned kLate = IFF_RUNNING | 0x10000U;  // told by the kernel some time later
  for (const Link& link : *links) {
    text << link.index << ' ' << link.name << ' ' << link.kind << " mtu " << link.mtu << " flags "
         << (link.flags & ~kLate) << ' ' << netlink::LinkAddressText(link.address) << " master "
         << link.master << " alias \"" << link.alias << "\"\n";
    const auto filters = netlink::ListIngressFilters(&socket, link.index);
    if (filters.ok()) text << "  filters " << filters->size() << '\n';
  }
  for (const netlink::Qdisc& qdisc : *qdiscs) {
    text << "qdisc " << qdisc.link << ' ' << qdisc.kind << ' ' << qdisc.handle << ' '
         << qdisc.parent << '\n';
  }
  for (const netlink::LinkAddress& address : *addresses) {
    text << "address " << address.link << ' ' << address.prefix.Text() << '\n';
  }
  const auto routes = socket.List(NetlinkRequest(RTM_GETROUTE, NLM_F_DUMP, rtmsg{}));
  for (const netlink::NetlinkMessage& message : *routes) {
    const auto head = message.As<rtmsg>();
    // Those of other tables come a little later than their address, by a worker of the kernel.
    if (head.rtm_table != RT_TABLE_MAIN) continue;
    const auto attributes = message.Attributes(sizeof head);
    text << "route " << int{head.rtm_table} << ' ' << NumberOf(attributes, RTA_OIF) << ' '
         << netlink::LinkAddressText(BytesOf(attributes, RTA_DST)) << '/' << int{head.rtm_dst_len}
         << " via " << netlink::LinkAddressText(BytesOf(attributes, RTA_GATEWAY)) << " metric "
         << NumberOf(attributes, RTA_PRIORITY) << '\n';
  }
  std::multiset<std::string> sorted;  // they come in the order of a hash
  const auto neighbors = socket.List(NetlinkRequest(RTM_GETNEIGH, NLM_F_DUMP, ndmsg{}));
  for (const netlink::NetlinkMessage& message : *neighbors) {
    const auto head = message.As<ndmsg>();
    if (head.ndm_state != NUD_PERMANENT) continue;
    const auto attributes = message.Attributes(sizeof head);
    sorted.insert("neighbor " + std::to_string(head.ndm_ifindex) + " " +
                  netlink::LinkAddressText(BytesOf(attributes, NDA_DST)) + " " +
                  netlink::LinkAddressText(BytesOf(attributes, NDA_LLADDR)) + "\n");
  }
  for (const std::string& line : sorted) text << line;
  return text.str();
}

}  // namespace shoji::network::testing
