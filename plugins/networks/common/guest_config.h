// What the guest must set to be what the pod's namespace was.
//
// Purpose  Reads addresses, routes and neighbours of interfaces out of the namespace and writes
//          them with the field names of Kata's types.Interface, types.Route, types.ARPNeighbor.
// Threads  One at a time, as the socket.
// Example  SHOJI_ASSIGN_OR_RETURN(std::string json, GuestConfig(&site.socket, served));
#ifndef SHOJI_NETWORKS_COMMON_GUEST_CONFIG_H_
#define SHOJI_NETWORKS_COMMON_GUEST_CONFIG_H_

#include <string>
#include <vector>

#include "shoji/netlink/netlink.h"
#include "shoji/status.h"

namespace shoji::network {

// One interface of the pod that the guest gets.
struct Port {
  std::string name;  // in the pod, and in the guest
  int index = 0;
  std::string device;  // what the VM is behind: a tap
  int device_index = 0;
  std::string mac;
  unsigned mtu = 0;
};

constexpr char kEmptyGuestConfig[] = R"({"interfaces":[],"routes":[],"neighbors":[]})";

// Interfaces that are gone have no addresses. What Kata's types cannot say is left out: metrics
// (the best route to a destination stays), types of service, all hops but the first, gateways of
// the other family. A gateway that no network reaches ("onlink") gets a route of its own.
Result<std::string> GuestConfig(netlink::NetlinkSocket* socket, const std::vector<Port>& ports);

}  // namespace shoji::network

#endif  // SHOJI_NETWORKS_COMMON_GUEST_CONFIG_H_
