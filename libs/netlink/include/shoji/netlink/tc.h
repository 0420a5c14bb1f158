// Traffic control: frames that are sent elsewhere, and rates that are kept.
//
// Purpose  What a network plugin needs of tc, and no more: an ingress qdisc with one filter
//          that redirects everything, and a token bucket in front of a device.
// Threads  One at a time, as the socket.
// Errors   The kernel's; callers say which device it was.
// Example  SHOJI_RETURN_IF_ERROR(AddIngress(&socket, veth));
//          SHOJI_RETURN_IF_ERROR(AddRedirect(&socket, veth, tap, cookie));
#ifndef SHOJI_NETLINK_TC_H_
#define SHOJI_NETLINK_TC_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shoji/netlink/netlink.h"
#include "shoji/status.h"

namespace shoji::netlink {

struct Qdisc {
  int link = 0;
  std::uint32_t handle = 0;  // 0: the kernel made it by itself
  std::uint32_t parent = 0;
  std::string kind;
};
Qdisc ParseQdisc(const NetlinkMessage& message);
Result<std::vector<Qdisc>> ListQdiscs(NetlinkSocket* socket);

// Where filters on incoming frames hang. ALREADY_EXISTS when the device has one.
Status AddIngress(NetlinkSocket* socket, int link);
// With all filters in it. Success when there is none, or no such device.
Status DeleteIngress(NetlinkSocket* socket, int link);

constexpr std::size_t kCookieBytes = 16;

// Whatever comes in by `from` goes out by `to`, and nowhere else. `cookie` (16 bytes) stays with
// the filter, to tell whose it is. REQUIRES: an ingress qdisc on `from`.
Status AddRedirect(NetlinkSocket* socket, int from, int to, std::string_view cookie);
NetlinkRequest RedirectRequest(int from, int to, std::string_view cookie);

struct IngressFilter {
  std::uint32_t priority = 0;
  std::string cookie;   // of its first action; empty: none
  int redirect_to = 0;  // 0: it does something else, or the device is gone
};
// Of all messages about filters only those that are one: tables are told too.
bool ParseIngressFilter(const NetlinkMessage& message, IngressFilter* ret_filter);
Result<std::vector<IngressFilter>> ListIngressFilters(NetlinkSocket* socket, int link);
// All of that priority. Success when there is none, or no such device.
Status DeleteIngressFilters(NetlinkSocket* socket, int link, std::uint32_t priority);

// The rate of what goes out by a device. What does not fit the queue is dropped.
struct TokenBucket {
  std::uint64_t bytes_per_s = 0;
  std::uint32_t burst_bytes = 0;       // what may be sent at once
  std::uint64_t peak_bytes_per_s = 0;  // how fast a burst goes; 0: as fast as the device is
  std::uint32_t peak_burst_bytes = 0;  // at least a frame
  std::uint32_t queue_bytes = 0;
};
// `handle`: major number << 16. Replaces the one that has the same handle, and the kernel's own.
Status SetTokenBucket(NetlinkSocket* socket, int link, std::uint32_t handle,
                      const TokenBucket& bucket);
NetlinkRequest TokenBucketRequest(int link, std::uint32_t handle, const TokenBucket& bucket);
// The kernel puts its own in place. Success when there is none with that handle.
Status DeleteRootQdisc(NetlinkSocket* socket, int link, std::uint32_t handle);

}  // namespace shoji::netlink

#endif  // SHOJI_NETLINK_TC_H_
