// The shim of processes that nobody stands for.
//
// Purpose  With an agent that runs nothing (a mock) there is no process to wait for: nothing is
//          started, as process 0, and nothing is to be stopped.
// Threads  Any.
#ifndef SHOJI_NOOPSHIM_SHIM_H_
#define SHOJI_NOOPSHIM_SHIM_H_

#include "shoji/sdk/shim.h"

namespace shoji::noopshim {

struct NoopShim {
  static Result<std::int32_t> Start(const sdk::Host& host, const shoji_options* options,
                                    const shoji_call* call, const shoji_shim_params& params);
  static Status Stop(const sdk::Host& host, const shoji_call* call, std::int32_t pid);
};

}  // namespace shoji::noopshim

#endif  // SHOJI_NOOPSHIM_SHIM_H_
