// Limits of an interface in the plugin wrapper's form.
//
// Threads  Safe, no state.
// Example  link->Limit(call, nic_id, ToNetworkLimits(limits));
#ifndef SHOJI_CORE_REQUEST_NETWORK_LIMITS_H_
#define SHOJI_CORE_REQUEST_NETWORK_LIMITS_H_

#include "plugin/network.h"
#include "shoji/config.h"

namespace shoji {

inline NetworkLimits ToNetworkLimits(const InterfaceLimits& limits) {
  return {limits.rx_bytes_per_s, limits.rx_burst_bytes, limits.rx_peak_bytes_per_s,
          limits.tx_bytes_per_s, limits.tx_burst_bytes, limits.tx_peak_bytes_per_s};
}

}  // namespace shoji

#endif  // SHOJI_CORE_REQUEST_NETWORK_LIMITS_H_
