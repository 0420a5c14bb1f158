// What a process of the host uses, as /proc tells it.
//
// Threads  Safe, no state.
// Example  SHOJI_ASSIGN_OR_RETURN(ProcessUsage use, ReadProcessUsage("", pid));
#ifndef SHOJI_PROGRAMS_SHOJI_PROCESS_USAGE_H_
#define SHOJI_PROGRAMS_SHOJI_PROCESS_USAGE_H_

#include <cstdint>
#include <string>

#include "shoji/status.h"

namespace shoji::cli {

struct ProcessUsage {
  std::string name;  // as /proc/<pid>/stat has it, 15 characters at most
  // Its share of the memory it has: a page of n processes counts for 1/n.
  std::uint64_t pss_bytes = 0;
  std::uint64_t cpu_ns = 0;
};

// `prefix` stands before /proc: empty, or a tree that a test made. NOT_FOUND when it has ended.
Result<ProcessUsage> ReadProcessUsage(const std::string& prefix, std::int32_t pid);

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_PROCESS_USAGE_H_
