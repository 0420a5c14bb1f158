// Network devices and their addresses, as rtnetlink tells and changes them.
//
// Threads  One at a time, as the socket.
// Example  SHOJI_ASSIGN_OR_RETURN(const Link link, LinkByName(&socket, "eth0"));
//          SHOJI_RETURN_IF_ERROR(SwitchLink(&socket, link.index, true));
#ifndef SHOJI_NETLINK_LINK_H_
#define SHOJI_NETLINK_LINK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "shoji/netlink/address.h"
#include "shoji/netlink/netlink.h"
#include "shoji/status.h"

namespace shoji::netlink {

struct Link {
  int index = 0;
  unsigned flags = 0;  // IFF_...
  unsigned mtu = 0;
  std::string name;
  std::string address;  // bytes of the link layer address
  unsigned type = 0;    // ARPHRD_...
  int master = 0;       // index of the bridge, bond, ... it is a part of
  std::string kind;     // "veth", "tun", ...; empty: hardware
  std::string alias;
  unsigned tun_queues = 0;  // of kind tun: how many are held open
};

// Zeros and empty texts where the message is short.
Link ParseLink(const NetlinkMessage& message);

Result<std::vector<Link>> ListLinks(NetlinkSocket* socket);
// NOT_FOUND names it.
Result<Link> LinkByName(NetlinkSocket* socket, const std::string& name);

struct LinkAddress {
  int link = 0;
  unsigned char scope = 0;
  Prefix prefix;
};
Result<std::vector<LinkAddress>> ListAddresses(NetlinkSocket* socket);

// The errors are the kernel's; callers say which device it was.
Status SwitchLink(NetlinkSocket* socket, int index, bool up);
Status SetMtu(NetlinkSocket* socket, int index, unsigned mtu);
// Text of up to 255 bytes that stays with the device.
Status SetAlias(NetlinkSocket* socket, int index, const std::string& alias);
// The kernel gives it no IPv6 address of its own when it is switched on. Success where there is
// no IPv6.
Status SetNoAddresses(NetlinkSocket* socket, int index);
// Success when it is gone.
Status DeleteLink(NetlinkSocket* socket, int index);

}  // namespace shoji::netlink

#endif  // SHOJI_NETLINK_LINK_H_
