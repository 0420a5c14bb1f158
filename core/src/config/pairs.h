// Which shim goes with which proxy.
//
// Purpose  A pair that cannot work is refused when the configuration is read, not when the first
//          container is lost. Only plugins of ours are known; any other may go with all.
// Threads  Safe, no state.
// Example  SHOJI_RETURN_IF_ERROR(CheckPair("kataproxy", "katashim"));
#ifndef SHOJI_CORE_CONFIG_PAIRS_H_
#define SHOJI_CORE_CONFIG_PAIRS_H_

#include <string_view>

#include "shoji/status.h"

namespace shoji {

// INVALID_ARGUMENT names both, why they cannot work together, and what to choose.
Status CheckPair(std::string_view proxy, std::string_view shim);

// The same of proxy and agent.
Status CheckAgent(std::string_view proxy, std::string_view agent);

}  // namespace shoji

#endif  // SHOJI_CORE_CONFIG_PAIRS_H_
