#include "net/routes.h"

#include <linux/neighbour.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cerrno>
#include <map>
#include <string>
#include <vector>

#include "net/address.h"
#include "net/links.h"

namespace shoji::agent {
namespace {

// A route of the request, in the kernel's terms.
struct Route {
  Prefix dest;  // no bytes: the default route
  std::string gateway;
  std::string source;
  std::string device;
  int link = 0;
  unsigned char scope = 0;
};

Result<std::map<std::string, int>> IndexByName(NetlinkSocket* socket) {
  SHOJI_ASSIGN_OR_RETURN(const std::vector<Link> links, ListLinks(socket));
  std::map<std::string, int> index;
  for (const Link& link : links) index[link.name] = link.index;
  return index;
}

Result<int> IndexOf(const std::map<std::string, int>& index, const std::string& device) {
  const auto it = index.find(device);
  if (it == index.end()) return NotFound("there is no network device \"" + device + "\"");
  return it->second;
}

// The family of a default route is that of its gateway or source.
Status CheckFamily(const types::Route& route, const std::string& text, int* family,
                   std::string* bytes) {
  if (text.empty()) return OkStatus();
  SHOJI_ASSIGN_OR_RETURN(Prefix address, ParsePrefix(text));
  if (*family == AF_UNSPEC) *family = address.family;
  if (*family != address.family) {
    return InvalidArgument("route to " + route.dest() + ": " + text + " is of another family");
  }
  *bytes = std::move(address.bytes);
  return OkStatus();
}

Result<Route> ParseRoute(const types::Route& text, const std::map<std::string, int>& index) {
  Route route;
  if (!text.dest().empty() && text.dest() != "default") {
    SHOJI_ASSIGN_OR_RETURN(route.dest, ParsePrefix(text.dest()));
  }
  int family = route.dest.family;
  SHOJI_RETURN_IF_ERROR(CheckFamily(text, text.gateway(), &family, &route.gateway));
  SHOJI_RETURN_IF_ERROR(CheckFamily(text, text.source(), &family, &route.source));
  route.dest.family = family == AF_UNSPEC ? AF_INET : family;
  if (route.dest.length == 0) route.dest.bytes.clear();
  if (text.device().empty() && text.gateway().empty()) {
    return InvalidArgument("route to \"" + text.dest() + "\" has neither device nor gateway");
  }
  if (text.scope() > RT_SCOPE_NOWHERE) {
    return InvalidArgument("route to \"" + text.dest() + "\": scope " +
                           std::to_string(text.scope()) + " is above 255");
  }
  route.scope = static_cast<unsigned char>(text.scope());
  route.device = text.device();
  if (!text.device().empty()) {
    SHOJI_ASSIGN_OR_RETURN(route.link, IndexOf(index, text.device()));
  }
  return route;
}

Status AddRoute(NetlinkSocket* socket, const Route& route) {
  rtmsg head{};
  head.rtm_family = static_cast<unsigned char>(route.dest.family);
  head.rtm_dst_len = static_cast<unsigned char>(route.dest.bytes.empty() ? 0 : route.dest.length);
  head.rtm_table = RT_TABLE_MAIN;
  head.rtm_protocol = RTPROT_BOOT;
  head.rtm_scope = route.scope;
  head.rtm_type = RTN_UNICAST;
  // In place of one to the same destination, as if that had been deleted.
  NetlinkRequest request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, head);
  if (!route.dest.bytes.empty()) request.Add(RTA_DST, route.dest.bytes);
  if (!route.gateway.empty()) request.Add(RTA_GATEWAY, route.gateway);
  if (!route.source.empty()) request.Add(RTA_PREFSRC, route.source);
  if (route.link != 0) request.AddNumber(RTA_OIF, static_cast<std::uint32_t>(route.link));
  const std::string dest = route.dest.bytes.empty() ? "default" : route.dest.Text();
  return socket->Do(request).WithContext("cannot add the route to " + dest + " by device \"" +
                                         route.device + "\"");
}

// Routes that are for us to tell or to change, with their fixed parts.
Result<std::vector<NetlinkMessage>> MainRoutes(NetlinkSocket* socket) {
  SHOJI_ASSIGN_OR_RETURN(auto list,
                         socket->List(NetlinkRequest(RTM_GETROUTE, NLM_F_DUMP, rtmsg{})));
  std::vector<NetlinkMessage> routes;
  for (NetlinkMessage& message : list) {
    const auto head = message.As<rtmsg>();
    const std::uint32_t table = NumberOf(message.Attributes(sizeof head), RTA_TABLE);
    const bool ip = head.rtm_family == AF_INET || head.rtm_family == AF_INET6;
    const bool cached = (head.rtm_flags & RTM_F_CLONED) != 0;
    if (ip && !cached && head.rtm_type == RTN_UNICAST &&
        (table == 0 ? head.rtm_table : table) == RT_TABLE_MAIN) {
      routes.push_back(std::move(message));
    }
  }
  return routes;
}

Status DeleteRoutes(NetlinkSocket* socket, int loopback) {
  SHOJI_ASSIGN_OR_RETURN(const auto routes, MainRoutes(socket));
  for (const NetlinkMessage& message : routes) {
    const auto head = message.As<rtmsg>();
    const std::uint32_t link = NumberOf(message.Attributes(sizeof head), RTA_OIF);
    const bool of_loopback = loopback != 0 && link == static_cast<std::uint32_t>(loopback);
    if (head.rtm_protocol == RTPROT_KERNEL || of_loopback) continue;
    NetlinkRequest request(RTM_DELROUTE, 0, head);
    request.Append(message.body.data() + sizeof head, message.body.size() - sizeof head);
    const Status gone = socket->Do(request);
    // One may go with another: the routes through a gateway whose own route went.
    if (!gone.ok() && gone.sys_errno() != ESRCH) return gone;
  }
  return OkStatus();
}

Status TryReplace(NetlinkSocket* socket, const std::vector<Route>& routes, int loopback) {
  SHOJI_RETURN_IF_ERROR(DeleteRoutes(socket, loopback).WithContext("cannot delete a route"));
  // A gateway must be reachable when a route names it.
  for (const bool with_gateway : {false, true}) {
    for (const Route& route : routes) {
      if (route.gateway.empty() != with_gateway) SHOJI_RETURN_IF_ERROR(AddRoute(socket, route));
    }
  }
  return OkStatus();
}

std::string TextOf(const grpc::Routes& routes) {
  std::string text;
  for (const types::Route& route : routes.routes()) {
    text += (text.empty() ? "" : ", ") + (route.dest().empty() ? "default" : route.dest());
    if (!route.gateway().empty()) text += " via " + route.gateway();
    text += " dev " + route.device();
  }
  return text.empty() ? "none" : text;
}

void Describe(const NetlinkMessage& message, const std::map<int, std::string>& names,
              types::Route* route) {
  const auto head = message.As<rtmsg>();
  const NetlinkAttributes attributes = message.Attributes(sizeof head);
  const auto address = [&](int attribute) {
    const std::string_view bytes = BytesOf(attributes, attribute);
    const bool whole = bytes.size() == (head.rtm_family == AF_INET ? 4U : 16U);
    return whole ? Prefix{head.rtm_family, std::string(bytes), 0}.Address() : std::string();
  };
  const std::string dest = address(RTA_DST);
  if (!dest.empty()) route->set_dest(dest + "/" + std::to_string(head.rtm_dst_len));
  route->set_gateway(address(RTA_GATEWAY));
  route->set_source(address(RTA_PREFSRC));
  route->set_scope(head.rtm_scope);
  const auto name = names.find(static_cast<int>(NumberOf(attributes, RTA_OIF)));
  if (name != names.end()) route->set_device(name->second);
}

Result<NetlinkRequest> NeighborRequest(const types::ARPNeighbor& neighbor,
                                       const std::map<std::string, int>& index) {
  if (!neighbor.has_toipaddress()) {
    return InvalidArgument("a neighbour of device \"" + neighbor.device() + "\" has no address");
  }
  SHOJI_ASSIGN_OR_RETURN(const Prefix to, ParseAddress(neighbor.toipaddress().address(), ""));
  SHOJI_ASSIGN_OR_RETURN(const int link, IndexOf(index, neighbor.device()));
  ndmsg head{};
  head.ndm_family = static_cast<unsigned char>(to.family);
  head.ndm_ifindex = link;
  head.ndm_state =
      static_cast<std::uint16_t>(neighbor.state() == 0 ? NUD_PERMANENT : neighbor.state());
  head.ndm_flags = static_cast<std::uint8_t>(neighbor.flags());
  NetlinkRequest request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, head);
  request.Add(NDA_DST, to.bytes);
  if (!neighbor.lladdr().empty()) {
    SHOJI_ASSIGN_OR_RETURN(const std::string address, ParseLinkAddress(neighbor.lladdr()));
    request.Add(NDA_LLADDR, address);
  }
  return request;
}

}  // namespace

Result<grpc::Routes> DescribeRoutes(NetlinkSocket* socket) {
  SHOJI_ASSIGN_OR_RETURN(const std::vector<Link> links, ListLinks(socket));
  std::map<int, std::string> names;
  for (const Link& link : links) names[link.index] = link.name;
  SHOJI_ASSIGN_OR_RETURN(const auto list, MainRoutes(socket));
  grpc::Routes routes;
  for (const NetlinkMessage& message : list) Describe(message, names, routes.add_routes());
  return routes;
}

Status ReplaceRoutes(NetlinkSocket* socket, const grpc::Routes& wanted) {
  SHOJI_ASSIGN_OR_RETURN(const auto index, IndexByName(socket));
  std::vector<Route> routes;
  for (const types::Route& text : wanted.routes()) {
    SHOJI_ASSIGN_OR_RETURN(Route route, ParseRoute(text, index));
    routes.push_back(std::move(route));
  }
  const auto loopback = index.find("lo");
  const Status replaced =
      TryReplace(socket, routes, loopback == index.end() ? 0 : loopback->second);
  if (replaced.ok()) return replaced;
  const auto left = DescribeRoutes(socket);
  return {replaced.code(), replaced.message() + "; routes there are now: " +
                               (left.ok() ? TextOf(*left) : left.status().message())};
}

Status AddNeighbors(NetlinkSocket* socket, const grpc::ARPNeighbors& neighbors) {
  SHOJI_ASSIGN_OR_RETURN(const auto index, IndexByName(socket));
  std::vector<NetlinkRequest> requests;
  for (const types::ARPNeighbor& neighbor : neighbors.arpneighbors()) {
    SHOJI_ASSIGN_OR_RETURN(NetlinkRequest request, NeighborRequest(neighbor, index));
    requests.push_back(std::move(request));
  }
  for (int i = 0; i < neighbors.arpneighbors_size(); ++i) {
    const types::ARPNeighbor& neighbor = neighbors.arpneighbors(i);
    SHOJI_RETURN_IF_ERROR(socket->Do(requests[static_cast<std::size_t>(i)])
                              .WithContext("cannot add neighbour " +
                                           neighbor.toipaddress().address() + " of " +
                                           neighbor.device()));
  }
  return OkStatus();
}

}  // namespace shoji::agent
