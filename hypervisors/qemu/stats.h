// What processes and threads have used, from /proc.
//
// Threads  Safe.
// Errors   UNAVAILABLE when the process is gone.
// Example  SHOJI_ASSIGN_OR_RETURN(std::uint64_t ns, ProcessCpuNanos(pid));
#ifndef SHOJI_HYPERVISORS_QEMU_STATS_H_
#define SHOJI_HYPERVISORS_QEMU_STATS_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "shoji/status.h"

namespace shoji::qemu {

// Of all threads, those that have ended included.
Result<std::uint64_t> ProcessCpuNanos(pid_t pid);
Result<std::uint64_t> ThreadCpuNanos(pid_t pid, pid_t thread);
// Of the process and, with them, of its children.
std::uint64_t ResidentBytes(pid_t pid);

// The threads of the vCPUs, each once, out of the answer to query-cpus-fast.
Result<std::vector<pid_t>> VcpuThreads(const std::string& answer, std::uint32_t* vcpus);

struct BlockBytes {
  std::uint64_t read = 0;
  std::uint64_t written = 0;
};
// The sum over the answer to query-blockstats.
Result<BlockBytes> SumBlockStats(const std::string& answer);

}  // namespace shoji::qemu

#endif  // SHOJI_HYPERVISORS_QEMU_STATS_H_
