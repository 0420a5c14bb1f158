#include "testing/veth.h"

#include <linux/veth.h>
#include <net/if.h>

#include "net/links.h"

namespace shoji::agent::testing {

Status MakeVeth(const std::string& name, const std::string& address, const std::string& peer,
                const std::string& peer_address) {
  SHOJI_ASSIGN_OR_RETURN(NetlinkSocket socket, NetlinkSocket::Open());
  SHOJI_ASSIGN_OR_RETURN(const std::string mac, ParseLinkAddress(address));
  SHOJI_ASSIGN_OR_RETURN(const std::string peer_mac, ParseLinkAddress(peer_address));
  NetlinkRequest request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{});
  request.AddName(IFLA_IFNAME, name).Add(IFLA_ADDRESS, mac);
  request.BeginNest(IFLA_LINKINFO).AddName(IFLA_INFO_KIND, "veth").BeginNest(IFLA_INFO_DATA);
  request.BeginNest(VETH_INFO_PEER);
  const ifinfomsg info{};
  request.Append(&info, sizeof info);
  request.AddName(IFLA_IFNAME, peer).Add(IFLA_ADDRESS, peer_mac);
  request.EndNest().EndNest().EndNest();
  return socket.Do(request);
}

Status SwitchOn(const std::string& name) {
  SHOJI_ASSIGN_OR_RETURN(NetlinkSocket socket, NetlinkSocket::Open());
  SHOJI_ASSIGN_OR_RETURN(const Link link, LinkByName(&socket, name));
  ifinfomsg info{};
  info.ifi_index = link.index;
  info.ifi_flags = IFF_UP;
  info.ifi_change = IFF_UP;
  return socket.Do(NetlinkRequest(RTM_NEWLINK, 0, info));
}

}  // namespace shoji::agent::testing
