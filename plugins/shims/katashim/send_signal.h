// A signal for a process in the guest, by way of the shim of its container.
//
// Purpose  That process has a way to the guest already, and takes any signal: also those that no
//          process could pass on from itself (programs/shoji-shim/control.h has the protocol).
// Threads  Safe, no state.
// Errors   UNAVAILABLE: it is no shim of ours, or cannot. NOT_FOUND: the process has ended.
// Example  SHOJI_RETURN_IF_ERROR(SignalByShim(call, params, shim_pid, SIGKILL));
#ifndef SHOJI_KATASHIM_SEND_SIGNAL_H_
#define SHOJI_KATASHIM_SEND_SIGNAL_H_

#include <cstdint>

#include "shoji/plugin/shim.h"
#include "shoji/status.h"

namespace shoji::katashim {

Status SignalByShim(const shoji_call* call, const shoji_shim_params& params, std::int32_t pid,
                    std::int32_t signal);

}  // namespace shoji::katashim

#endif  // SHOJI_KATASHIM_SEND_SIGNAL_H_
