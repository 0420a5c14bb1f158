#include "net/links.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <limits>
#include <map>

namespace shoji::agent {
namespace {

Link LinkOf(const NetlinkMessage& message) {
  const auto info = message.As<ifinfomsg>();
  const NetlinkAttributes attributes = message.Attributes(sizeof info);
  Link link;
  link.index = info.ifi_index;
  link.flags = info.ifi_flags;
  link.mtu = NumberOf(attributes, IFLA_MTU);
  link.name = NameOf(attributes, IFLA_IFNAME);
  link.address = std::string(BytesOf(attributes, IFLA_ADDRESS));
  return link;
}

NetlinkRequest ChangeLink(int index, unsigned flags, unsigned change) {
  ifinfomsg info{};
  info.ifi_index = index;
  info.ifi_flags = flags;
  info.ifi_change = change;
  return {RTM_NEWLINK, 0, info};
}

NetlinkRequest AddressRequest(int type, int flags, int index, const Prefix& prefix) {
  ifaddrmsg info{};
  info.ifa_family = static_cast<unsigned char>(prefix.family);
  info.ifa_prefixlen = static_cast<unsigned char>(prefix.length);
  info.ifa_index = static_cast<unsigned>(index);
  // Usable at once: nobody else has addresses on this wire.
  if (prefix.family == AF_INET6) info.ifa_flags = IFA_F_NODAD;
  NetlinkRequest request(type, flags, info);
  request.Add(IFA_LOCAL, prefix.bytes).Add(IFA_ADDRESS, prefix.bytes);
  return request;
}

bool CheckName(const std::string& name) {
  return !name.empty() && name.size() < IFNAMSIZ && name != "." && name != ".." &&
         name.find_first_of("/: \t\n%") == name.npos;
}

Status Rename(NetlinkSocket* socket, const Link& link, const std::string& name) {
  NetlinkRequest request = ChangeLink(link.index, 0, 0);
  request.AddName(IFLA_IFNAME, name);
  return socket->Do(request).WithContext("cannot rename network device " + link.name + " to " +
                                         name);
}

// Only a device that is down can be renamed, by kernels up to 6.1.
Status SetUp(NetlinkSocket* socket, const Link& link, bool up) {
  return socket->Do(ChangeLink(link.index, up ? IFF_UP : 0, IFF_UP))
      .WithContext("cannot switch network device " + link.name + (up ? " on" : " off"));
}

Status TakeName(NetlinkSocket* socket, const Link& link, const std::string& name) {
  if (link.name == name) return OkStatus();
  const Result<Link> holder = LinkByName(socket, name);
  if (holder.ok()) {
    SHOJI_RETURN_IF_ERROR(SetUp(socket, *holder, false));
    SHOJI_RETURN_IF_ERROR(Rename(socket, *holder, "other%d"));
    if ((holder->flags & IFF_UP) != 0) SHOJI_RETURN_IF_ERROR(SetUp(socket, *holder, true));
  }
  SHOJI_RETURN_IF_ERROR(SetUp(socket, link, false));
  return Rename(socket, link, name);
}

// The kernel makes a link-local one itself, and again when it is taken away.
bool KernelsOwn(const LinkAddress& address) {
  return address.prefix.family == AF_INET6 && address.scope == RT_SCOPE_LINK;
}

Status SetAddresses(NetlinkSocket* socket, const Link& link, const std::vector<Prefix>& wanted) {
  SHOJI_ASSIGN_OR_RETURN(const std::vector<LinkAddress> all, ListAddresses(socket));
  std::vector<Prefix> there;
  for (const LinkAddress& address : all) {
    if (address.link != link.index) continue;
    there.push_back(address.prefix);
    const bool keep = std::find(wanted.begin(), wanted.end(), address.prefix) != wanted.end();
    if (keep || KernelsOwn(address)) continue;
    Status gone = socket->Do(AddressRequest(RTM_DELADDR, 0, link.index, address.prefix));
    // The kernel takes secondary addresses away with their primary one.
    if (!gone.ok() && gone.code() != StatusCode::kUnavailable && gone.sys_errno() != EADDRNOTAVAIL)
      return std::move(gone).WithContext("cannot take " + address.prefix.Text() + " from " +
                                         link.name);
  }
  for (const Prefix& prefix : wanted) {
    const int flags = NLM_F_CREATE | NLM_F_REPLACE;
    SHOJI_RETURN_IF_ERROR(socket->Do(AddressRequest(RTM_NEWADDR, flags, link.index, prefix))
                              .WithContext("cannot give " + prefix.Text() + " to " + link.name));
  }
  return OkStatus();
}

void Describe(const LinkAddress& address, types::IPAddress* out) {
  out->set_family(address.prefix.family == AF_INET6 ? types::v6 : types::v4);
  out->set_address(address.prefix.Address());
  out->set_mask(std::to_string(address.prefix.length));
}

}  // namespace

Result<std::vector<Link>> ListLinks(NetlinkSocket* socket) {
  SHOJI_ASSIGN_OR_RETURN(const auto list,
                         socket->List(NetlinkRequest(RTM_GETLINK, NLM_F_DUMP, ifinfomsg{})));
  std::vector<Link> links;
  for (const NetlinkMessage& message : list) links.push_back(LinkOf(message));
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

Result<WantedLink> ParseInterface(const types::Interface& interface) {
  WantedLink wanted;
  wanted.name = interface.name();
  if (!CheckName(wanted.name)) {
    return InvalidArgument("interface name \"" + wanted.name + "\" is no name of a device");
  }
  if (interface.hwaddr().empty()) {
    return InvalidArgument("interface " + wanted.name + " has no hardware address to find it by");
  }
  SHOJI_ASSIGN_OR_RETURN(wanted.address, ParseLinkAddress(interface.hwaddr()));
  if (interface.mtu() > std::numeric_limits<int>::max()) {
    return InvalidArgument("interface " + wanted.name + ": MTU " + std::to_string(interface.mtu()) +
                           " is too large");
  }
  wanted.mtu = static_cast<unsigned>(interface.mtu());
  wanted.no_arp = (interface.raw_flags() & IFF_NOARP) != 0;
  for (const types::IPAddress& address : interface.ipaddresses()) {
    SHOJI_ASSIGN_OR_RETURN(Prefix prefix, ParseAddress(address.address(), address.mask()));
    wanted.addresses.push_back(std::move(prefix));
  }
  return wanted;
}

Result<Link> FindLink(NetlinkSocket* socket, const WantedLink& wanted) {
  SHOJI_ASSIGN_OR_RETURN(const std::vector<Link> links, ListLinks(socket));
  for (const Link& link : links) {
    if (link.address == wanted.address && (link.flags & IFF_LOOPBACK) == 0) return link;
  }
  return NotFound("there is no network device with address " + LinkAddressText(wanted.address));
}

Status ConfigureLink(NetlinkSocket* socket, const Link& link, const WantedLink& wanted) {
  SHOJI_RETURN_IF_ERROR(TakeName(socket, link, wanted.name));
  Link named = link;
  named.name = wanted.name;
  if (wanted.mtu != 0 && wanted.mtu != link.mtu) {
    NetlinkRequest request = ChangeLink(link.index, 0, 0);
    request.AddNumber(IFLA_MTU, wanted.mtu);
    SHOJI_RETURN_IF_ERROR(socket->Do(request).WithContext("cannot set the MTU of " + wanted.name +
                                                          " to " + std::to_string(wanted.mtu)));
  }
  SHOJI_RETURN_IF_ERROR(socket->Do(ChangeLink(link.index, wanted.no_arp ? IFF_NOARP : 0, IFF_NOARP))
                            .WithContext("cannot set NOARP of " + wanted.name));
  SHOJI_RETURN_IF_ERROR(SetAddresses(socket, named, wanted.addresses));
  return SetUp(socket, named, true);
}

Result<std::vector<types::Interface>> DescribeInterfaces(NetlinkSocket* socket) {
  SHOJI_ASSIGN_OR_RETURN(const std::vector<Link> links, ListLinks(socket));
  SHOJI_ASSIGN_OR_RETURN(const std::vector<LinkAddress> addresses, ListAddresses(socket));
  std::vector<types::Interface> described;
  for (const Link& link : links) {
    types::Interface& interface = described.emplace_back();
    interface.set_device(link.name);
    interface.set_name(link.name);
    interface.set_mtu(link.mtu);
    // All zeros: a loopback device, which has none.
    if (link.address.find_first_not_of('\0') != link.address.npos) {
      interface.set_hwaddr(LinkAddressText(link.address));
    }
    interface.set_raw_flags(link.flags & IFF_NOARP);
    for (const LinkAddress& address : addresses) {
      if (address.link == link.index) Describe(address, interface.add_ipaddresses());
    }
  }
  return described;
}

}  // namespace shoji::agent
