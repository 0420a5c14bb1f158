// The network devices of the guest: what they are, and making one what the host wants.
//
// Threads  One at a time.
// Example  SHOJI_ASSIGN_OR_RETURN(const Link link, FindLink(&socket, interface));
//          SHOJI_RETURN_IF_ERROR(ConfigureLink(&socket, link, interface));
#ifndef SHOJI_GUEST_AGENT_NET_LINKS_H_
#define SHOJI_GUEST_AGENT_NET_LINKS_H_

#include <string>
#include <vector>

#include "net/address.h"
#include "net/netlink.h"
#include "shoji-kata/types.pb.h"
#include "shoji/status.h"

namespace shoji::agent {

struct Link {
  int index = 0;
  unsigned flags = 0;  // IFF_...
  unsigned mtu = 0;
  std::string name;
  std::string address;  // bytes of the link layer address
};

Result<std::vector<Link>> ListLinks(NetlinkSocket* socket);
// NOT_FOUND names it.
Result<Link> LinkByName(NetlinkSocket* socket, const std::string& name);

struct LinkAddress {
  int link = 0;
  unsigned char scope = 0;
  Prefix prefix;
};
Result<std::vector<LinkAddress>> ListAddresses(NetlinkSocket* socket);

// A request of the host that has been looked at: nothing is changed for one that is wrong.
struct WantedLink {
  std::string name;
  std::string address;  // of the link layer
  unsigned mtu = 0;     // 0: as it is
  bool no_arp = false;
  std::vector<Prefix> addresses;
};
Result<WantedLink> ParseInterface(const types::Interface& interface);

// By link layer address.
Result<Link> FindLink(NetlinkSocket* socket, const WantedLink& wanted);
// Exactly the wanted addresses, name, MTU, ARP; then up. A device that has the name now gets
// another one.
Status ConfigureLink(NetlinkSocket* socket, const Link& link, const WantedLink& wanted);

// As ListInterfaces tells them.
Result<std::vector<types::Interface>> DescribeInterfaces(NetlinkSocket* socket);

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_NET_LINKS_H_
