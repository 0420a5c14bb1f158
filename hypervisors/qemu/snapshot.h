// A saved VM as files: the state that QEMU wrote, and a manifest that vouches for it.
//
// Purpose  dir/state        QEMU's migration stream
//          dir/manifest.json  written last: what the VM was made from, which QEMU wrote the
//                           state, its size and checksum. Without it the snapshot is incomplete.
//          A snapshot without memory needs the memory file beside; it is the caller's.
// Threads  Safe.
// Example  SHOJI_ASSIGN_OR_RETURN(const Manifest manifest, ReadSnapshot(dir));
#ifndef SHOJI_HYPERVISORS_QEMU_SNAPSHOT_H_
#define SHOJI_HYPERVISORS_QEMU_SNAPSHOT_H_

#include <cstdint>
#include <string>

#include "shoji/qmp/client.h"
#include "shoji/status.h"

namespace shoji::qemu {

struct Manifest {
  std::string qemu;  // "7.2": what reads the state of another one may guess wrong
  bool shared_memory = false;
  std::string recipe;
  std::uint64_t state_bytes = 0;
  std::uint64_t state_checksum = 0;
};

std::string StatePathIn(const std::string& dir);
std::string QemuVersionText(const QmpVersion& version);

// Measures dir/state and writes the manifest; both reach the disk.
Status SealSnapshot(const std::string& dir, Manifest manifest);
// DATA_LOSS when something is missing, cut off or changed; NOT_FOUND when there is no `dir`.
Result<Manifest> ReadSnapshot(const std::string& dir);
// Removes what Save() may have written.
void RemoveSnapshot(const std::string& dir);

// Makes the file that holds the memory of a VM; ALREADY_EXISTS when it is there.
Status MakeMemoryFile(const std::string& path, std::uint64_t bytes);
// NOT_FOUND, or DATA_LOSS when it is not as large as the memory.
Status CheckMemoryFile(const std::string& path, std::uint64_t bytes);

// Lets a paused VM write its state to `fd`. FAILED_PRECONDITION names what cannot be saved.
Status WriteState(QmpClient& monitor, int fd, bool shared_memory, const QmpLimit& limit);
// Lets a VM that waits for it take its state from `fd`.
Status TakeState(QmpClient& monitor, int fd, bool shared_memory, const QmpLimit& limit);

}  // namespace shoji::qemu

#endif  // SHOJI_HYPERVISORS_QEMU_SNAPSHOT_H_
