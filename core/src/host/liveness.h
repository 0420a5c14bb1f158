// Does a process that a record names still live?
//
// Threads  Safe.
// Example  IsAlive(ProcessId{1234, 5678901})
#ifndef SHOJI_CORE_HOST_LIVENESS_H_
#define SHOJI_CORE_HOST_LIVENESS_H_

#include <cstdint>
#include <vector>

#include "metadata/record.h"
#include "shoji/status.h"

namespace shoji {

// When the process was started, in clock ticks since boot. NOT_FOUND when there is none or
// it is a zombie, unless those count too.
Result<std::uint64_t> StartTicks(std::int32_t pid, bool also_ended = false);

// False for another process that got the number since, and for a zombie.
bool IsAlive(const ProcessId& process);

// Those that live now.
std::vector<ProcessId> Identify(const std::vector<std::int32_t>& pids);

}  // namespace shoji

#endif  // SHOJI_CORE_HOST_LIVENESS_H_
