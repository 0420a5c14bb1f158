// How a VM is put behind an interface: what differs between the plugins of this room.
//
// Purpose  PodNetwork finds the interfaces, makes the taps, keeps the books and undoes; a model
//          joins a tap and an interface.
// Threads  Safe: a model has no state.
#ifndef SHOJI_NETWORKS_COMMON_MODEL_H_
#define SHOJI_NETWORKS_COMMON_MODEL_H_

#include <optional>
#include <string>

#include "guest_config.h"
#include "shaping.h"
#include "shoji/netlink/link.h"
#include "shoji/status.h"
#include "site.h"

namespace shoji::network {

class Model {
 public:
  virtual ~Model() = default;
  virtual std::string id() const = 0;  // the plugin's

  // FAILED_PRECONDITION for an interface that is in use by somebody else.
  virtual Status CheckFree(Site* site, const netlink::Link& link) const = 0;
  // Joins port.device, which is switched on, and the interface. When it fails, Disconnect()
  // follows.
  virtual Status Connect(Site* site, const Port& port) const = 0;
  // Undoes it, however much of it there is: a part, nothing at all, or without its tap. Touches
  // only what carries the site's marks, or belongs to `port` as long as its tap exists
  // (`tap_exists`). The tap itself is deleted afterwards.
  virtual Status Disconnect(Site* site, const Port& port, bool tap_exists) const = 0;
};

}  // namespace shoji::network

#endif  // SHOJI_NETWORKS_COMMON_MODEL_H_
