// What another process needs to find a VM again.
//
// Threads  Values and pure functions, except for what reads /proc.
// Example  SHOJI_ASSIGN_OR_RETURN(SavedVm saved, DecodeState(blob));
#ifndef SHOJI_HYPERVISORS_QEMU_STATE_H_
#define SHOJI_HYPERVISORS_QEMU_STATE_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shoji/base/deadline.h"
#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::qemu {

// A process for good: its number may be given to another one, the rest tells them apart.
struct ProcessIdentity {
  pid_t pid = 0;                 // 0: none
  std::uint64_t start_time = 0;  // clock ticks since boot, /proc/<pid>/stat
  std::string boot_id;           // of the machine
};

struct SavedVm {
  std::string id;
  std::string uuid;
  std::string run_dir;
  ProcessIdentity process;
  std::string recipe;                    // recipe.h
  std::vector<ProcessIdentity> helpers;  // virtiofsd
};

std::string EncodeState(const SavedVm& vm);
// DATA_LOSS for what EncodeState() did not make.
Result<SavedVm> DecodeState(std::string_view blob);

Result<ProcessIdentity> IdentifyProcess(pid_t pid);
// A pidfd of exactly that process, if it still runs; NOT_FOUND otherwise.
Result<UniqueFd> FindProcess(const ProcessIdentity& process);
// The process behind the pidfd has ended (a zombie too).
bool HasEnded(int pidfd);
// Waits for that; false when the deadline came first.
bool WaitForEnd(int pidfd, Deadline deadline);

}  // namespace shoji::qemu

#endif  // SHOJI_HYPERVISORS_QEMU_STATE_H_
