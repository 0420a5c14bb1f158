// The process of a shim: its place on the host is the same whoever's program it is.
//
// Purpose  Process 1 of a PID namespace of its own, or in that of its container; in the sandbox'
//          network namespace; with the caller's stdio, a console, or /dev/null.
// Threads  Any.
// Life     Who started it reaps it (the core does). Every such process is marked, so that
//          StopProcess() never ends another one that has its number since.
// Example  StartProcess(host, call, params, {program, "-t", token});
#ifndef SHOJI_SHIMS_COMMON_SHIM_PROCESS_H_
#define SHOJI_SHIMS_COMMON_SHIM_PROCESS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "shoji/plugin/shim.h"
#include "shoji/sdk/plugin.h"

namespace shoji::shims {

// INVALID_ARGUMENT for what no shim can be started with.
Status CheckParams(const shoji_shim_params& params);

// The option "path" of plugin `id`; `name` in the directory of programs when it is empty.
Result<std::string> ProgramOf(const sdk::Host& host, const sdk::OptionMap& options,
                              const std::string& id, const std::string& name);

// Its number.
Result<std::int32_t> StartProcess(const sdk::Host& host, const shoji_call* call,
                                  const shoji_shim_params& params, std::vector<std::string> argv);

// As shoji_shim_v1.stop.
Status StopProcess(const shoji_call* call, std::int32_t pid);

}  // namespace shoji::shims

#endif  // SHOJI_SHIMS_COMMON_SHIM_PROCESS_H_
