// The tap device that carries the frames of a VM.
//
// Threads  One at a time, as the site.
// Errors   The kernel's errno, with the device's name.
// Example  SHOJI_ASSIGN_OR_RETURN(Tap tap, MakeTap(&site, link, 1));
#ifndef SHOJI_NETWORKS_COMMON_TAP_H_
#define SHOJI_NETWORKS_COMMON_TAP_H_

#include <string>
#include <vector>

#include "shoji/base/unique_fd.h"
#include "shoji/status.h"
#include "site.h"

namespace shoji::network {

// The largest frame a tap takes, without its header.
constexpr unsigned kMaxTapMtu = 65521;

struct Tap {
  std::string name;
  int index = 0;
  std::vector<UniqueFd> queues;  // not blocking
};

// A tap for the VM behind `link`, with its MTU (at most kMaxTapMtu): marked, switched on, root's,
// and there until it is deleted. A process that ends before leaves none.
Result<Tap> MakeTap(Site* site, const netlink::Link& link, unsigned queues);

// One for each queue, or none where the machine has no vhost-net.
std::vector<UniqueFd> OpenVhost(unsigned queues);

// OK when this machine has tap devices; else FAILED_PRECONDITION with the detail "reason".
Status CheckTun();

}  // namespace shoji::network

#endif  // SHOJI_NETWORKS_COMMON_TAP_H_
