// A QEMU that is being started.
//
// Threads  One thread at a time.
// Life     Exists from the first socket of a start until it has succeeded or is undone.
// Example  QemuVm::Process process;  process.Listen(path, kMonitorFd)
#ifndef SHOJI_HYPERVISORS_QEMU_VM_PROCESS_H_
#define SHOJI_HYPERVISORS_QEMU_VM_PROCESS_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "spawner.h"
#include "vm.h"

namespace shoji::qemu {

// Streams of the tail reader; those of the helpers follow.
inline constexpr std::size_t kStderr = 0;
inline constexpr std::size_t kConsole = 1;
inline constexpr std::size_t kEarly = 2;
inline constexpr std::size_t kFirstHelper = 3;

struct QemuVm::Process {
  std::vector<std::pair<UniqueFd, int>> theirs;  // descriptor, number in the child
  std::vector<UniqueFd> streams;                 // our ends for the tail reader
  std::unique_ptr<ConsoleTee> tee;
  std::vector<VirtioFsBackend> backends;
  bool made_memory = false;
  Spawned spawned;
  std::shared_ptr<TailReader> tail;

  Status Listen(const std::string& path, int number);
  Status AddStderr();
  // QEMU listens on `path`, where we are its first client; readers come to `tee_path`.
  Status AddConsole(const std::string& path, const std::string& tee_path);
  Status AddEarlyConsole();
  std::vector<std::pair<int, int>> Map() const;
};

}  // namespace shoji::qemu

#endif  // SHOJI_HYPERVISORS_QEMU_VM_PROCESS_H_
