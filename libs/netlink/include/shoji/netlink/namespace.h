// A network namespace, and work inside it.
//
// Purpose  Run() works in a thread of its own, so that the caller's never leaves its namespace.
//          A netlink socket or a tun descriptor opened there stays in that namespace and may be
//          used from anywhere.
// Threads  Safe.
// Errors   NOT_FOUND for a path that leads to no namespace (any more), PERMISSION_DENIED.
// Example  SHOJI_ASSIGN_OR_RETURN(const NetNamespace pod, NetNamespace::Open("/run/netns/pod"));
//          SHOJI_ASSIGN_OR_RETURN(NetlinkSocket socket, pod.OpenSocket());
#ifndef SHOJI_NETLINK_NAMESPACE_H_
#define SHOJI_NETLINK_NAMESPACE_H_

#include <functional>
#include <string>

#include "shoji/base/unique_fd.h"
#include "shoji/netlink/netlink.h"
#include "shoji/status.h"

namespace shoji::netlink {

class NetNamespace {
 public:
  // Holds the namespace as long as it lives.
  static Result<NetNamespace> Open(const std::string& path);

  const std::string& path() const { return path_; }
  // Whether `other` leads to the same namespace; false where that cannot be told.
  bool IsSameAs(const std::string& other) const;

  Status Run(const std::function<Status()>& body) const;
  Result<NetlinkSocket> OpenSocket() const;

 private:
  NetNamespace(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  UniqueFd fd_;
  std::string path_;
};

}  // namespace shoji::netlink

#endif  // SHOJI_NETLINK_NAMESPACE_H_
