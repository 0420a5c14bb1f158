// The shim as a process of its own.
//
// Purpose  Starts a program that takes kata-shim's flags, once for each process in the guest:
//          its number, its descriptors and its exit status are those of that process.
// Threads  Any.
// Life     Who started it reaps it (the core does). Every such process is marked, so that Stop()
//          never ends another one that has its number since.
// Example  KataShim::Start(host, options, call, params); ... KataShim::Stop(host, call, pid);
#ifndef SHOJI_KATASHIM_SHIM_H_
#define SHOJI_KATASHIM_SHIM_H_

#include "shoji/plugin/shim.h"
#include "shoji/sdk/plugin.h"

namespace shoji::katashim {

struct KataShim {
  static Result<std::int32_t> Start(const sdk::Host& host, const shoji_options* options,
                                    const shoji_call* call, const shoji_shim_params& params);
  static Status Stop(const sdk::Host& host, const shoji_call* call, std::int32_t pid);
  static Status Signal(const sdk::Host& host, const shoji_options* options, const shoji_call* call,
                       const shoji_shim_params& params, std::int32_t pid, std::int32_t signal);
};

}  // namespace shoji::katashim

#endif  // SHOJI_KATASHIM_SHIM_H_
