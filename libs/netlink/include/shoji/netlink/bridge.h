// Bridges: making one, ports, and what it knows of addresses.
//
// Threads  One at a time, as the socket.
// Errors   The kernel's; callers say which device it was.
// Example  SHOJI_RETURN_IF_ERROR(AddBridge(&socket, "br0_shoji", mac));
#ifndef SHOJI_NETLINK_BRIDGE_H_
#define SHOJI_NETLINK_BRIDGE_H_

#include <string>

#include "shoji/netlink/netlink.h"
#include "shoji/status.h"

namespace shoji::netlink {

// Without spanning tree and multicast snooping: it forwards at once, and everything. `address`
// (6 bytes) stays whatever ports it gets.
Status AddBridge(NetlinkSocket* socket, const std::string& name, const std::string& address);
// Makes device `port` a port of bridge `master`.
Status SetMaster(NetlinkSocket* socket, int port, int master);
// No ARP request is answered, or made, by this device.
Status SetNoArp(NetlinkSocket* socket, int index);
// Frames for `address` (6 bytes) go to that port of its bridge.
Status AddForwarding(NetlinkSocket* socket, int port, const std::string& address);
// The bridge forgets that the address is there, also when it is the port's own.
Status DeleteForwarding(NetlinkSocket* socket, int port, const std::string& address);

}  // namespace shoji::netlink

#endif  // SHOJI_NETLINK_BRIDGE_H_
