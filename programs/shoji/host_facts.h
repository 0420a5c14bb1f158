// What there is to know of this machine: kernel, distribution, processor, memory.
//
// Threads  Safe, no state.
// Example  HostFacts host = ReadHostFacts("");
#ifndef SHOJI_PROGRAMS_SHOJI_HOST_FACTS_H_
#define SHOJI_PROGRAMS_SHOJI_HOST_FACTS_H_

#include <cstdint>
#include <string>

namespace shoji::cli {

struct HostFacts {
  std::string kernel;        // "6.1.0-56-amd64"
  std::string architecture;  // "x86_64"
  std::string distribution;  // "Debian GNU/Linux 12 (bookworm)"; empty: not known
  std::string cpu_vendor;
  std::string cpu_model;
  std::uint32_t cpus = 0;
  bool cpu_virtualizes = false;  // vmx or svm
  std::uint64_t memory_bytes = 0;
  std::string cgroups;  // as CgroupKind()
};

// `prefix` stands before /proc and /etc: empty, or a tree that a test made.
HostFacts ReadHostFacts(const std::string& prefix);

// "v2", "v1" or "hybrid (v1 and v2)"; empty: no control groups are mounted.
std::string CgroupKind(const std::string& prefix);

// A line of /proc/meminfo, in bytes; 0 when there is none.
std::uint64_t MemInfo(const std::string& prefix, const std::string& name);

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_HOST_FACTS_H_
