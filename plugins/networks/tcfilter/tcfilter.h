// Model tcfilter: whatever comes in by the pod's interface goes out by the tap, and the other way
// round. The interface keeps its address and its names; nothing is bridged or routed.
//
// Threads  Safe, no state.
#ifndef SHOJI_NETWORKS_TCFILTER_TCFILTER_H_
#define SHOJI_NETWORKS_TCFILTER_TCFILTER_H_

#include <string>

#include "model.h"

namespace shoji::network {

class TcFilter : public Model {
 public:
  std::string id() const override { return "tcfilter"; }
  Status CheckFree(Site* site, const netlink::Link& link) const override;
  Status Connect(Site* site, const Port& port) const override;
  Status Disconnect(Site* site, const Port& port, bool tap_exists) const override;
};

}  // namespace shoji::network

#endif  // SHOJI_NETWORKS_TCFILTER_TCFILTER_H_
