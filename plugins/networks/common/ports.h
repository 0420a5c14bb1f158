// Interfaces of a pod that a VM is put behind, and taken away from again.
//
// Threads  One at a time, as the site.
// Errors   They name the interface and the namespace.
// Example  SHOJI_ASSIGN_OR_RETURN(OpenPort port, ConnectPort(&site, model, link, request));
#ifndef SHOJI_NETWORKS_COMMON_PORTS_H_
#define SHOJI_NETWORKS_COMMON_PORTS_H_

#include <string>
#include <vector>

#include "model.h"
#include "shoji/base/unique_fd.h"
#include "shoji/sdk/network.h"

namespace shoji::network {

// A port with the descriptors that the VM needs.
struct OpenPort {
  Port port;
  std::vector<UniqueFd> queues;
  std::vector<UniqueFd> vhost;  // as many, or none

  sdk::Nic ToNic() const;
};

// Those of `links` that a guest is meant to have: Ethernet devices of any kind that are switched
// on or have an address. Not loopback, tunnels, parts of a bridge or bond, our own taps, or those
// in `skip`.
std::vector<netlink::Link> Usable(const std::vector<netlink::Link>& links,
                                  const std::vector<netlink::LinkAddress>& addresses,
                                  const std::vector<std::string>& skip);
// FAILED_PRECONDITION for one that can carry no Ethernet frames or is part of another.
Status CheckUsable(const netlink::Link& link);

// On failure the interface is as it was. The mark says "joining" until MarkWhole().
Result<OpenPort> ConnectPort(Site* site, const Model& model, const netlink::Link& link,
                             unsigned queues, bool vhost);
Status MarkWhole(Site* site, const Port& port);

// Undoes all of it. Success for what is gone, also when another has taken its place.
Status DisconnectPort(Site* site, const Model& model, const Port& port);

// Devices with a mark of any sandbox, taps and what else a model makes, as ports: index and device
// are set.
struct MarkedPort {
  Mark mark;
  Port port;
  bool held = false;  // by a VM, or by the process that makes it
};
Result<std::vector<MarkedPort>> ListMarked(Site* site);

// OK: none of this sandbox is there. Leftovers of those who were killed are removed.
Status ClearLeftovers(Site* site, const Model& model);

}  // namespace shoji::network

#endif  // SHOJI_NETWORKS_COMMON_PORTS_H_
