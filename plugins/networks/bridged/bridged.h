// Model bridged: a bridge with two ports, the pod's interface and the tap. The interface keeps its
// MAC address and everything else; the bridge is told that the address is the guest's.
//
// Threads  Safe, no state.
#ifndef SHOJI_NETWORKS_BRIDGED_BRIDGED_H_
#define SHOJI_NETWORKS_BRIDGED_BRIDGED_H_

#include <string>

#include "model.h"

namespace shoji::network {

class Bridged : public Model {
 public:
  std::string id() const override { return "bridged"; }
  Status CheckFree(Site* site, const netlink::Link& link) const override;
  Status Connect(Site* site, const Port& port) const override;
  Status Disconnect(Site* site, const Port& port, bool tap_exists) const override;
};

}  // namespace shoji::network

#endif  // SHOJI_NETWORKS_BRIDGED_BRIDGED_H_
