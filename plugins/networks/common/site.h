// The network namespace of a pod, opened for work on one sandbox.
//
// Threads  One at a time: it holds a netlink socket.
// Errors   NOT_FOUND for a namespace that is gone; FAILED_PRECONDITION for the host's own.
// Example  SHOJI_ASSIGN_OR_RETURN(Site site, Site::Open(pod, "tcfilter", sandbox_id));
#ifndef SHOJI_NETWORKS_COMMON_SITE_H_
#define SHOJI_NETWORKS_COMMON_SITE_H_

#include <optional>
#include <string>
#include <string_view>

#include "shoji/netlink/link.h"
#include "shoji/netlink/namespace.h"
#include "shoji/netlink/netlink.h"
#include "shoji/status.h"

namespace shoji::network {

// REQUIRES: not the namespace of the host, whose own interfaces would go to the VM.
Result<netlink::NetNamespace> OpenPodNamespace(const std::string& path);

struct Site {
  const netlink::NetNamespace* pod;
  netlink::NetlinkSocket socket;
  std::string model;
  std::string sandbox_id;

  static Result<Site> Open(const netlink::NetNamespace& pod, std::string model,
                           std::string sandbox_id);
  // "interface eth0 of network namespace /run/netns/pod"
  std::string Name(const std::string& interface) const;
};

// What tells our devices from others', and whose they are: the alias of the device.
struct Mark {
  std::string model;
  std::string sandbox_id;
  int interface = 0;   // index of the pod's interface
  bool whole = false;  // join() or add() got to its end

  std::string Text() const;
};
std::optional<Mark> ParseMark(std::string_view alias);
// The longest id that fits into a mark.
constexpr std::size_t kMaxSandboxId = 200;

// The same for filters: 16 bytes.
std::string CookieOf(const std::string& model, const std::string& sandbox_id);
bool IsCookie(std::string_view bytes);  // of any model and sandbox

}  // namespace shoji::network

#endif  // SHOJI_NETWORKS_COMMON_SITE_H_
