// The shim that is none: the caller itself stands for the process in the guest.
//
// Threads  Any.
// Example  *ret_pid is SHOJI_SHIM_BUILT_IN; use WaitProcess, SignalProcess and IOStream.
#ifndef SHOJI_KATASHIMBUILTIN_SHIM_H_
#define SHOJI_KATASHIMBUILTIN_SHIM_H_

#include "shoji/plugin/shim.h"
#include "shoji/sdk/plugin.h"

namespace shoji::katashimbuiltin {

struct KataShimBuiltin {
  static Result<std::int32_t> Start(const sdk::Host& host, const shoji_options* options,
                                    const shoji_call* call, const shoji_shim_params& params);
  static Status Stop(const sdk::Host& host, const shoji_call* call, std::int32_t pid);
};

}  // namespace shoji::katashimbuiltin

#endif  // SHOJI_KATASHIMBUILTIN_SHIM_H_
