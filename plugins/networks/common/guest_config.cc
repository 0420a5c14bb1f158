#include "guest_config.h"

#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "shoji/netlink/address.h"
#include "shoji/netlink/link.h"

namespace shoji::network {
namespace {

using netlink::BytesOf;
using netlink::NetlinkAttributes;
using netlink::NetlinkMessage;
using netlink::NetlinkRequest;
using netlink::NumberOf;
using netlink::Prefix;
using Json = nlohmann::json;

constexpr unsigned kFamilyV4 = 0;  // types.IPFamily
constexpr unsigned kFamilyV6 = 1;

// A route of the pod, in the kernel's terms.
struct Route {
  Prefix dest;          // length 0: the default route
  std::string gateway;  // bytes
  std::string source;
  int link = 0;
  unsigned scope = 0;
  unsigned metric = 0;
  bool kernels = false;
  bool onlink = false;
};

std::size_t AddressBytes(int family) { return family == AF_INET ? 4 : 16; }

bool Covers(const Prefix& network, const Prefix& address) {
  if (network.family != address.family || network.length > address.length) return false;
  for (unsigned bit = 0; bit < network.length; ++bit) {
    const auto mask = static_cast<unsigned char>(0x80U >> (bit % 8));
    const auto a = static_cast<unsigned char>(network.bytes[bit / 8]);
    const auto b = static_cast<unsigned char>(address.bytes[bit / 8]);
    if (((a ^ b) & mask) != 0) return false;
  }
  return true;
}

// What a route says about its way: in the route itself, or in the first of several hops.
NetlinkAttributes FirstHop(const NetlinkAttributes& route, int* link, unsigned* flags) {
  const std::string_view hops = BytesOf(route, RTA_MULTIPATH);
  rtnexthop hop{};
  if (hops.size() < sizeof hop) {
    *link = static_cast<int>(NumberOf(route, RTA_OIF));
    return route;
  }
  std::memcpy(&hop, hops.data(), sizeof hop);
  *link = hop.rtnh_ifindex;
  *flags |= hop.rtnh_flags;
  const std::size_t end = std::min<std::size_t>(hop.rtnh_len, hops.size());
  return netlink::ParseAttributes(hops.substr(sizeof hop, std::max(end, sizeof hop) - sizeof hop));
}

// Nothing for what is not of table main, or cannot be said to a guest.
std::optional<Route> ParseRoute(const NetlinkMessage& message) {
  const auto head = message.As<rtmsg>();
  const NetlinkAttributes attributes = message.Attributes(sizeof head);
  const std::uint32_t table = NumberOf(attributes, RTA_TABLE);
  if (message.type != RTM_NEWROUTE || (table == 0 ? head.rtm_table : table) != RT_TABLE_MAIN ||
      (head.rtm_family != AF_INET && head.rtm_family != AF_INET6) || head.rtm_type != RTN_UNICAST ||
      (head.rtm_flags & RTM_F_CLONED) != 0 || head.rtm_tos != 0) {
    return std::nullopt;
  }
  Route route;
  unsigned flags = head.rtm_flags;
  const NetlinkAttributes hop = FirstHop(attributes, &route.link, &flags);
  if (hop.count(RTA_VIA) != 0) return std::nullopt;
  const std::size_t size = AddressBytes(head.rtm_family);
  route.dest = {head.rtm_family, std::string(BytesOf(attributes, RTA_DST)), head.rtm_dst_len};
  if (route.dest.length == 0) route.dest.bytes.assign(size, '\0');
  if (route.dest.bytes.size() != size || route.dest.length > size * 8) return std::nullopt;
  route.gateway = std::string(BytesOf(hop, RTA_GATEWAY));
  route.source = std::string(BytesOf(attributes, RTA_PREFSRC));
  if (!route.gateway.empty() && route.gateway.size() != size) return std::nullopt;
  if (!route.source.empty() && route.source.size() != size) return std::nullopt;
  route.scope = head.rtm_scope;
  route.metric = NumberOf(attributes, RTA_PRIORITY);
  route.kernels = head.rtm_protocol == RTPROT_KERNEL;
  route.onlink = (flags & RTNH_F_ONLINK) != 0;
  return route;
}

class Reader {
 public:
  Reader(netlink::NetlinkSocket* socket, const std::vector<Port>& ports) : socket_(socket) {
    for (const Port& port : ports) ports_[port.index] = &port;
  }

  Status Read() {
    SHOJI_ASSIGN_OR_RETURN(links_, netlink::ListLinks(socket_));
    SHOJI_ASSIGN_OR_RETURN(addresses_, netlink::ListAddresses(socket_));
    SHOJI_ASSIGN_OR_RETURN(const auto messages,
                           socket_->List(NetlinkRequest(RTM_GETROUTE, NLM_F_DUMP, rtmsg{})));
    for (const NetlinkMessage& message : messages) {
      const std::optional<Route> route = ParseRoute(message);
      if (route && ports_.count(route->link) != 0) Take(*route);
    }
    return OkStatus();
  }

  Json Interfaces(const std::vector<Port>& ports) const {
    Json all = Json::array();
    for (const Port& port : ports) {
      Json addresses = Json::array();
      for (const netlink::LinkAddress& address : addresses_) {
        if (address.link == port.index) addresses.push_back(AddressJson(address.prefix, true));
      }
      all.push_back({{"device", port.name},
                     {"name", port.name},
                     {"IPAddresses", addresses},
                     {"mtu", port.mtu},
                     {"hwAddr", port.mac},
                     {"raw_flags", FlagsOf(port.index) & unsigned{IFF_NOARP}}});
    }
    return all;
  }

  Json Routes() const {
    Json all = Json::array();
    for (const Route& route : routes_) {
      if (route.onlink && !IsReached(route)) all.push_back(ToJson(WayTo(route)));
      all.push_back(ToJson(route));
    }
    return all;
  }

  Result<Json> Neighbors() const {
    SHOJI_ASSIGN_OR_RETURN(const auto messages,
                           socket_->List(NetlinkRequest(RTM_GETNEIGH, NLM_F_DUMP, ndmsg{})));
    Json all = Json::array();
    for (const NetlinkMessage& message : messages) {
      const auto head = message.As<ndmsg>();
      const NetlinkAttributes attributes = message.Attributes(sizeof head);
      const auto port = ports_.find(head.ndm_ifindex);
      const std::string_view to = BytesOf(attributes, NDA_DST);
      const bool ip = head.ndm_family == AF_INET || head.ndm_family == AF_INET6;
      if (!ip || port == ports_.end() || (head.ndm_state & NUD_PERMANENT) == 0 ||
          to.size() != AddressBytes(head.ndm_family)) {
        continue;
      }
      const Prefix address{head.ndm_family, std::string(to), 0};
      all.push_back({{"toIPAddress", AddressJson(address, false)},
                     {"device", port->second->name},
                     {"lladdr", netlink::LinkAddressText(BytesOf(attributes, NDA_LLADDR))},
                     {"state", head.ndm_state},
                     {"flags", head.ndm_flags}});
    }
    return all;
  }

 private:
  static Json AddressJson(const Prefix& prefix, bool with_mask) {
    return {{"family", prefix.family == AF_INET6 ? kFamilyV6 : kFamilyV4},
            {"address", prefix.Address()},
            {"mask", with_mask ? std::to_string(prefix.length) : ""}};
  }

  unsigned FlagsOf(int index) const {
    for (const netlink::Link& link : links_) {
      if (link.index == index) return link.flags;
    }
    return 0;
  }

  // The guest's kernel makes the route to the network of each address itself.
  bool GuestMakes(const Route& route) const {
    if (!route.kernels || !route.gateway.empty()) return false;
    return std::any_of(addresses_.begin(), addresses_.end(), [&](const auto& address) {
      return address.link == route.link && address.prefix.length == route.dest.length &&
             Covers(route.dest, address.prefix);
    });
  }

  // Of several to one destination the best: a guest cannot have both without their metrics.
  void Take(const Route& route) {
    if (GuestMakes(route)) return;
    for (Route& known : routes_) {
      if (!(known.dest == route.dest)) continue;
      if (route.metric < known.metric) known = route;
      return;
    }
    routes_.push_back(route);
  }

  static Route WayTo(const Route& route) {
    Route way;
    way.dest = {route.dest.family, route.gateway, static_cast<unsigned>(route.gateway.size() * 8)};
    way.link = route.link;
    way.scope = route.dest.family == AF_INET ? unsigned{RT_SCOPE_LINK} : 0U;
    return way;
  }

  // Whether the guest reaches the gateway without being told "onlink".
  bool IsReached(const Route& route) const {
    const Prefix gateway = WayTo(route).dest;
    const auto by_address = [&](const netlink::LinkAddress& address) {
      return address.link == route.link && Covers(address.prefix, gateway);
    };
    const auto by_route = [&](const Route& other) {
      return other.gateway.empty() && other.link == route.link && Covers(other.dest, gateway);
    };
    return std::any_of(addresses_.begin(), addresses_.end(), by_address) ||
           std::any_of(routes_.begin(), routes_.end(), by_route);
  }

  Json ToJson(const Route& route) const {
    const auto text = [&](const std::string& bytes) {
      return bytes.empty() ? std::string() : Prefix{route.dest.family, bytes, 0}.Address();
    };
    // An empty destination is the default of the gateway's family, and IPv4's without one.
    const bool plain =
        route.dest.length == 0 && (route.dest.family == AF_INET || !route.gateway.empty());
    return {{"dest", plain ? std::string() : route.dest.Text()},
            {"gateway", text(route.gateway)},
            {"device", ports_.at(route.link)->name},
            {"source", text(route.source)},
            {"scope", route.scope}};
  }

  netlink::NetlinkSocket* socket_;
  std::map<int, const Port*> ports_;
  std::vector<netlink::Link> links_;
  std::vector<netlink::LinkAddress> addresses_;
  std::vector<Route> routes_;
};

}  // namespace

Result<std::string> GuestConfig(netlink::NetlinkSocket* socket, const std::vector<Port>& ports) {
  Reader reader(socket, ports);
  SHOJI_RETURN_IF_ERROR(reader.Read());
  SHOJI_ASSIGN_OR_RETURN(Json neighbors, reader.Neighbors());
  const Json config = {{"interfaces", reader.Interfaces(ports)},
                       {"routes", reader.Routes()},
                       {"neighbors", std::move(neighbors)}};
  return config.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace shoji::network
