// The store's directory: durable changes below it, and the lock that processes share.
//
// Purpose  Files are named by paths relative to the directory, which is held open.
// Threads  Safe; a Lock belongs to one call. Two calls of one process exclude each other
//          like two processes.
// Errors   Name the whole path and the cause: disk full, read-only, permission.
// Example
//     SHOJI_ASSIGN_OR_RETURN(Lock lock, directory.Acquire(LockMode::kExclusive, call));
//     SHOJI_RETURN_IF_ERROR(directory.WriteDurably(".t0", {header, value}));
//     SHOJI_RETURN_IF_ERROR(directory.Move(".t0", "sandbox/web="));
#ifndef SHOJI_FILESYSTEM_DIRECTORY_H_
#define SHOJI_FILESYSTEM_DIRECTORY_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shoji/base/unique_fd.h"
#include "shoji/plugin/base.h"
#include "shoji/status.h"

namespace shoji::filesystem {

enum class LockMode { kShared, kExclusive };

// flock on a descriptor of its own; closing it unlocks.
class Lock {
 public:
  Lock(UniqueFd fd, LockMode mode) : fd_(std::move(fd)), mode_(mode) {}
  LockMode mode() const { return mode_; }

 private:
  UniqueFd fd_;
  LockMode mode_;
};

class Directory {
 public:
  // Opens the store at `path`, making it when there is nothing. DATA_LOSS when the
  // directory holds something else.
  static Result<Directory> Open(const std::string& path);

  const std::string& path() const { return path_; }

  // Waits for its turn. DEADLINE_EXCEEDED, CANCELLED.
  Result<Lock> Acquire(LockMode mode, const shoji_call* call) const;

  // NOT_FOUND; RESOURCE_EXHAUSTED above `max_bytes`.
  Result<std::string> Read(const std::string& name, std::size_t max_bytes) const;
  bool Exists(const std::string& name) const;
  // The bytes of a file that fits into `buffer` with room to spare, read by one call; nothing
  // in all other cases, of which Read() tells.
  std::optional<std::string_view> ReadSmall(const std::string& name, char* buffer,
                                            std::size_t size) const;
  // Creates or replaces the file. Its bytes are on their way to the disk; Sync() waits for them.
  Result<UniqueFd> Write(const std::string& name,
                         const std::vector<std::string_view>& pieces) const;
  Status Sync(const UniqueFd& fd, const std::string& name) const;
  // Both; the file's name is durable after SyncDirOf.
  Status WriteDurably(const std::string& name, const std::vector<std::string_view>& pieces) const;
  // Durable after SyncDirsOf({to}).
  Status Rename(const std::string& from, const std::string& to) const;
  // Both.
  Status Move(const std::string& from, const std::string& to) const;
  // Makes the directories above `name`, durably.
  Status MakeParents(const std::string& name) const;
  // Removes the file, and the directories above that are empty then, durably. Success
  // when it is not there.
  Status Remove(const std::string& name) const;
  // Removes the file; durable after SyncDirsOf({name}). Success when it is not there.
  Status Unlink(const std::string& name) const;
  // Removes the directories above `name` that are empty.
  void Prune(const std::string& name) const;
  Status SyncDirOf(const std::string& name) const;
  // Each directory once; for one that has gone, the one above.
  Status SyncDirsOf(const std::vector<std::string>& names) const;
  // Names in a directory ("" is the root), sorted. NOT_FOUND.
  Result<std::vector<std::string>> List(const std::string& name) const;

 private:
  Directory(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  Status CheckMarker() const;
  Status MakeMarker() const;
  Status Failure(int error, std::string_view what, const std::string& name) const;

  std::string path_;
  UniqueFd fd_;
};

}  // namespace shoji::filesystem

#endif  // SHOJI_FILESYSTEM_DIRECTORY_H_
