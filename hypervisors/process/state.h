// What another process needs to find an agent without a VM again.
//
// Threads  Values and functions without state.
// Example  SHOJI_ASSIGN_OR_RETURN(SavedVm saved, DecodeState(blob));
#ifndef SHOJI_HYPERVISORS_PROCESS_STATE_H_
#define SHOJI_HYPERVISORS_PROCESS_STATE_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::process {

// A process for good: its number may be given to another one, the rest tells them apart.
struct ProcessIdentity {
  pid_t pid = 0;                 // 0: none
  std::uint64_t start_time = 0;  // clock ticks since boot, /proc/<pid>/stat
};

struct SavedVm {
  std::string id;
  std::string run_dir;
  std::string cgroup;               // its directory in cgroup v2; empty: it has none
  std::string boot_id;              // of the machine: process numbers mean nothing after a reboot
  std::vector<std::string> shares;  // tags of those of the configuration
  std::uint32_t vcpus = 0;
  std::uint32_t agent_port = 0;  // of its hybrid vsock; 0: a serial line
  ProcessIdentity keeper;
  ProcessIdentity agent;
};

std::string EncodeState(const SavedVm& vm);
// DATA_LOSS for what EncodeState() did not make.
Result<SavedVm> DecodeState(std::string_view blob);

Result<std::string> BootId();
Result<ProcessIdentity> IdentifyProcess(pid_t pid);
// A pidfd of exactly that process, if it still runs; NOT_FOUND otherwise.
Result<UniqueFd> FindProcess(const ProcessIdentity& process, const std::string& boot_id);
// The process behind the pidfd has ended (a zombie too).
bool HasEnded(int pidfd);

}  // namespace shoji::process

#endif  // SHOJI_HYPERVISORS_PROCESS_STATE_H_
