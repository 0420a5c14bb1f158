// For tests: two network namespaces of their own, the pod's and what lies outside of it, with wires
// between them.
//
// Threads  One.
// Life     All of it is gone with the object.
// Example  Pod pod;
//          pod.AddVeth("eth0", "out0", "02:00:00:00:00:02");
//          pod.AddAddress(pod.inside(), "eth0", "10.9.0.2/24");
#ifndef SHOJI_NETWORKS_COMMON_TESTING_POD_H_
#define SHOJI_NETWORKS_COMMON_TESTING_POD_H_

#include <cstddef>
#include <optional>
#include <string>

#include "shoji/base/unique_fd.h"
#include "shoji/netlink/link.h"
#include "shoji/netlink/namespace.h"

namespace shoji::network::testing {

class Pod {
 public:
  Pod();

  // Of the pod's namespace, also for children; leads nowhere after CloseInside().
  const std::string& path() const { return path_; }
  const netlink::NetNamespace& inside() const { return *inside_; }
  const netlink::NetNamespace& outside() const { return *outside_; }
  // The last hold on the pod's namespace, but for the plugin's.
  void CloseInside();

  // `name` inside and `peer` outside, both switched on, without addresses of the kernel's making.
  void AddVeth(const std::string& name, const std::string& peer, const std::string& mac,
               unsigned mtu = 1500);
  void AddDevice(const std::string& name, const std::string& kind);
  static void AddAddress(const netlink::NetNamespace& where, const std::string& device,
                         const std::string& address);
  struct RouteSpec {
    std::string dest;     // empty: default
    std::string gateway;  // decides the family of a default route
    std::string device;
    unsigned metric = 0;
    unsigned char scope = 0;
    unsigned flags = 0;  // RTNH_F_...
  };
  void AddRoute(const RouteSpec& route);
  void AddNeighbor(const netlink::NetNamespace& where, const std::string& device,
                   const std::string& address, const std::string& mac);
  void Delete(const std::string& device);
  netlink::Link Inside(const std::string& device) const;
  std::size_t CountTaps() const;

  // Devices, queues, filters, addresses, routes, neighbours: two equal texts, the same namespace.
  std::string Dump() const;

 private:
  UniqueFd inside_fd_;
  UniqueFd outside_fd_;
  std::string path_;
  std::optional<netlink::NetNamespace> inside_;
  std::optional<netlink::NetNamespace> outside_;
};

}  // namespace shoji::network::testing

#endif  // SHOJI_NETWORKS_COMMON_TESTING_POD_H_
