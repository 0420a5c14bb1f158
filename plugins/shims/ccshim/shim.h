// The shim of Clear Containers: a process for each one in the guest.
//
// Purpose  Starts cc-shim, which claims the streams of its process from cc-proxy by the token
//          that the agent gave.
// Threads  Any.
// Life     Who started it reaps it (the core does).
// Example  CcShim::Start(host, options, call, params); ... CcShim::Stop(host, call, pid);
#ifndef SHOJI_CCSHIM_SHIM_H_
#define SHOJI_CCSHIM_SHIM_H_

#include "shoji/plugin/shim.h"
#include "shoji/sdk/plugin.h"

namespace shoji::ccshim {

struct CcShim {
  static Result<std::int32_t> Start(const sdk::Host& host, const shoji_options* options,
                                    const shoji_call* call, const shoji_shim_params& params);
  static Status Stop(const sdk::Host& host, const shoji_call* call, std::int32_t pid);
};

}  // namespace shoji::ccshim

#endif  // SHOJI_CCSHIM_SHIM_H_
