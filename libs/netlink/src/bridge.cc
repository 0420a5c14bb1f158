#include "shoji/netlink/bridge.h"

#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cstdint>

namespace shoji::netlink {
namespace {

NetlinkRequest Forwarding(int type, int flags, int port, const std::string& address) {
  ndmsg head{};
  head.ndm_family = AF_BRIDGE;
  head.ndm_ifindex = port;
  head.ndm_state = NUD_NOARP;
  head.ndm_flags = NTF_MASTER;
  NetlinkRequest request(type, flags, head);
  request.Add(NDA_LLADDR, address);
  return request;
}

}  // namespace

Status AddBridge(NetlinkSocket* socket, const std::string& name, const std::string& address) {
  NetlinkRequest request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{});
  request.AddName(IFLA_IFNAME, name).Add(IFLA_ADDRESS, address);
  request.BeginNest(IFLA_LINKINFO).AddName(IFLA_INFO_KIND, "bridge").BeginNest(IFLA_INFO_DATA);
  const unsigned char off = 0;
  request.Add(IFLA_BR_MCAST_SNOOPING, {reinterpret_cast<const char*>(&off), sizeof off});
  request.AddNumber(IFLA_BR_STP_STATE, 0);
  return socket->Do(request.EndNest().EndNest());
}

Status SetMaster(NetlinkSocket* socket, int port, int master) {
  ifinfomsg info{};
  info.ifi_index = port;
  NetlinkRequest request(RTM_NEWLINK, 0, info);
  return socket->Do(request.AddNumber(IFLA_MASTER, static_cast<std::uint32_t>(master)));
}

Status SetNoArp(NetlinkSocket* socket, int index) {
  ifinfomsg info{};
  info.ifi_index = index;
  info.ifi_flags = IFF_NOARP;
  info.ifi_change = IFF_NOARP;
  return socket->Do(NetlinkRequest(RTM_NEWLINK, 0, info));
}

Status AddForwarding(NetlinkSocket* socket, int port, const std::string& address) {
  return socket->Do(Forwarding(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, port, address));
}

Status DeleteForwarding(NetlinkSocket* socket, int port, const std::string& address) {
  return socket->Do(Forwarding(RTM_DELNEIGH, 0, port, address));
}

}  // namespace shoji::netlink
