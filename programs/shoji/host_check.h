// What this machine's kernel offers: devices, file systems, control groups, memory, limits.
//
// Threads  Safe, no state.
// Example  CheckLines lines = CheckHost("", vm_memory);
#ifndef SHOJI_PROGRAMS_SHOJI_HOST_CHECK_H_
#define SHOJI_PROGRAMS_SHOJI_HOST_CHECK_H_

#include <cstdint>
#include <string>

#include "check_line.h"

namespace shoji::cli {

// `prefix` stands before /proc and /dev: empty, or a tree that a test made. `vm_memory`: of one
// VM, in bytes; 0: not known.
CheckLines CheckHost(const std::string& prefix, std::uint64_t vm_memory);

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_HOST_CHECK_H_
