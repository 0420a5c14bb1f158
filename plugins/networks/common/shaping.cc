#include "shaping.h"

#include <algorithm>
#include <limits>

namespace shoji::network {
namespace {

constexpr std::uint64_t kMaxBytes = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint64_t kHeader = 22;        // Ethernet with two VLAN tags
constexpr std::uint64_t kBurstsPerS = 50;    // where no burst is given: 20 ms at full rate
constexpr std::uint64_t kQueuesPerS = 20;    // frames wait for 50 ms at most
constexpr std::uint64_t kPeaksPerS = 1000;   // a burst is sent in pieces of a millisecond
constexpr std::uint64_t kFramesQueued = 16;  // however slow it is

std::uint32_t Bytes(std::uint64_t bytes) {
  return static_cast<std::uint32_t>(std::min(bytes, kMaxBytes));
}

}  // namespace

Result<std::optional<netlink::TokenBucket>> BucketOf(const std::string& direction,
                                                     const Limit& limit, unsigned mtu) {
  if (limit.rate == 0) {
    if (limit.burst == 0 && limit.peak == 0) return std::optional<netlink::TokenBucket>();
    return InvalidArgument(direction + " limit has a burst or a peak but no average rate");
  }
  if (limit.peak != 0 && limit.peak < limit.rate) {
    return InvalidArgument(direction + " limit: the peak of " + std::to_string(limit.peak) +
                           " bytes/s is below the average of " + std::to_string(limit.rate));
  }
  if (limit.burst > kMaxBytes) {
    return Unimplemented(direction + " limit: a burst of " + std::to_string(limit.burst) +
                         " bytes; at most " + std::to_string(kMaxBytes) + " can be kept");
  }
  // A frame that is larger than the bucket would never be sent.
  const std::uint64_t frame = mtu + kHeader;
  netlink::TokenBucket bucket;
  bucket.bytes_per_s = limit.rate;
  const std::uint64_t burst = limit.burst != 0 ? limit.burst : limit.rate / kBurstsPerS;
  bucket.burst_bytes = Bytes(std::max(burst, frame));
  // A peak that is the average: no burst goes faster than it, as with a bucket of one frame.
  if (limit.peak == limit.rate)
    bucket.burst_bytes = Bytes(std::max(limit.rate / kPeaksPerS, frame));
  if (limit.peak > limit.rate) {
    bucket.peak_bytes_per_s = limit.peak;
    bucket.peak_burst_bytes = Bytes(std::max(limit.peak / kPeaksPerS, frame));
  }
  bucket.queue_bytes =
      Bytes(std::max(limit.rate / kQueuesPerS, frame * kFramesQueued) + bucket.burst_bytes);
  return std::optional(bucket);
}

}  // namespace shoji::network
