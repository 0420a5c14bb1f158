// Limits of an interface as token buckets.
//
// Purpose  A bucket (tc-tbf) delays what is too fast and drops only what the queue cannot hold,
//          which is kinder to TCP than a policer, and it has exactly the three numbers of a
//          limit: average, burst and peak. It shapes what leaves a device: rx stands on the tap
//          (towards the guest), tx on the pod's interface (from the guest).
// Threads  Safe.
// Example  SHOJI_ASSIGN_OR_RETURN(auto bucket, BucketOf("rx", {rate, burst, peak}, 1500));
#ifndef SHOJI_NETWORKS_COMMON_SHAPING_H_
#define SHOJI_NETWORKS_COMMON_SHAPING_H_

#include <cstdint>
#include <optional>
#include <string>

#include "shoji/netlink/tc.h"
#include "shoji/status.h"

namespace shoji::network {

struct Limit {
  std::uint64_t rate = 0;   // bytes per second; 0: none
  std::uint64_t burst = 0;  // bytes; 0: some
  std::uint64_t peak = 0;   // bytes per second; 0: as fast as it goes
};

// Nothing for no limit. INVALID_ARGUMENT for what makes no sense, UNIMPLEMENTED for what a bucket
// cannot do.
Result<std::optional<netlink::TokenBucket>> BucketOf(const std::string& direction,
                                                     const Limit& limit, unsigned mtu);

// The handle of our buckets, to tell them from others'.
constexpr std::uint32_t kBucketHandle = 0x53480000;  // "SH"

}  // namespace shoji::network

#endif  // SHOJI_NETWORKS_COMMON_SHAPING_H_
