#include "shoji/netlink/link.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cerrno>

namespace shoji::netlink {
namespace {

NetlinkRequest Change(int index, unsigned flags, unsigned change) {
  ifinfomsg info{};
  info.ifi_index = index;
  info.ifi_flags = flags;
  info.ifi_change = change;
  return {RTM_NEWLINK, 0, info};
}

}  // namespace

Link ParseLink(const NetlinkMessage& message) {
  const auto info = message.As<ifinfomsg>();
  const NetlinkAttributes attributes = message.Attributes(sizeof info);
  const NetlinkAttributes kind = ParseAttributes(BytesOf(attributes, IFLA_LINKINFO));
  Link link;
  link.index = info.ifi_index;
  link.flags = info.ifi_flags;
  link.type = info.ifi_type;
  link.mtu = NumberOf(attributes, IFLA_MTU);
  link.name = NameOf(attributes, IFLA_IFNAME);
  link.address = std::string(BytesOf(attributes, IFLA_ADDRESS));
  link.master = static_cast<int>(NumberOf(attributes, IFLA_MASTER));
  link.alias = NameOf(attributes, IFLA_IFALIAS);
  link.kind = NameOf(kind, IFLA_INFO_KIND);
  if (link.kind == "tun") {
    const NetlinkAttributes data = ParseAttributes(BytesOf(kind, IFLA_INFO_DATA));
    const std::string_view carrier = BytesOf(attributes, IFLA_CARRIER);
    // One with a single queue has no such number: it has a carrier while the queue is held.
    link.tun_queues = data.count(IFLA_TUN_NUM_QUEUES) != 0
                          ? NumberOf(data, IFLA_TUN_NUM_QUEUES)
                          : unsigned{!carrier.empty() && carrier[0] != 0};
  }
  return link;
}

Result<std::vector<Link>> ListLinks(NetlinkSocket* socket) {
  SHOJI_ASSIGN_OR_RETURN(const auto list,
                         socket->List(NetlinkRequest(RTM_GETLINK, NLM_F_DUMP, ifinfomsg{})));
  std::vector<Link> links;
  for (const NetlinkMessage& message : list) links.push_back(ParseLink(message));
  return links;
}

Result<Link> LinkByName(NetlinkSocket* socket, const std::string& name) {
  SHOJI_ASSIGN_OR_RETURN(const std::vector<Link> links, ListLinks(socket));
  for (const Link& link : links) {
    if (link.name == name) return link;
  }
  return NotFound("there is no network device \"" + name + "\"");
}

Result<std::vector<LinkAddress>> ListAddresses(NetlinkSocket* socket) {
  SHOJI_ASSIGN_OR_RETURN(const auto list,
                         socket->List(NetlinkRequest(RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{})));
  std::vector<LinkAddress> addresses;
  for (const NetlinkMessage& message : list) {
    const auto info = message.As<ifaddrmsg>();
    if (info.ifa_family != AF_INET && info.ifa_family != AF_INET6) continue;
    const NetlinkAttributes attributes = message.Attributes(sizeof info);
    std::string_view bytes = BytesOf(attributes, IFA_LOCAL);  // IFA_ADDRESS may be the peer's
    if (bytes.empty()) bytes = BytesOf(attributes, IFA_ADDRESS);
    if (bytes.size() != (info.ifa_family == AF_INET ? 4U : 16U)) continue;
    addresses.push_back({static_cast<int>(info.ifa_index), info.ifa_scope,
                         Prefix{info.ifa_family, std::string(bytes), info.ifa_prefixlen}});
  }
  return addresses;
}

Status SwitchLink(NetlinkSocket* socket, int index, bool up) {
  return socket->Do(Change(index, up ? IFF_UP : 0, IFF_UP));
}

Status SetMtu(NetlinkSocket* socket, int index, unsigned mtu) {
  return socket->Do(Change(index, 0, 0).AddNumber(IFLA_MTU, mtu));
}

Status SetAlias(NetlinkSocket* socket, int index, const std::string& alias) {
  return socket->Do(Change(index, 0, 0).Add(IFLA_IFALIAS, alias));
}

Status SetNoAddresses(NetlinkSocket* socket, int index) {
  NetlinkRequest request = Change(index, 0, 0);
  request.BeginNest(IFLA_AF_SPEC).BeginNest(AF_INET6);
  const unsigned char mode = IN6_ADDR_GEN_MODE_NONE;
  request.Add(IFLA_INET6_ADDR_GEN_MODE, {reinterpret_cast<const char*>(&mode), sizeof mode});
  Status set = socket->Do(request.EndNest().EndNest());
  return set.sys_errno() == EAFNOSUPPORT ? OkStatus() : set;
}

Status DeleteLink(NetlinkSocket* socket, int index) {
  ifinfomsg info{};
  info.ifi_index = index;
  Status gone = socket->Do(NetlinkRequest(RTM_DELLINK, 0, info));
  return gone.sys_errno() == ENODEV ? OkStatus() : gone;
}

}  // namespace shoji::netlink
