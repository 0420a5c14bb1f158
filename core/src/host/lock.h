// Locks between processes (and threads): flock on a file, with a time limit.
//
// Waiting  Threads of one process that share a LockQueue go in turn and at once; others look
//          again every now and then.
// Purpose  One change of a sandbox at a time, and knowing whether its owner lives. The
//          kernel frees a lock when its holder dies, however it dies.
// Threads  Safe; each Acquire() opens the file anew, so threads exclude each other too.
// Example
//     SHOJI_ASSIGN_OR_RETURN(FileLock lock, FileLock::Acquire(dir + "/lock",
//         LockMode::kExclusive, Deadline::After(10s), "sandbox \"web\""));
#ifndef SHOJI_CORE_HOST_LOCK_H_
#define SHOJI_CORE_HOST_LOCK_H_

#include <sys/types.h>

#include <string>
#include <string_view>
#include <utility>

#include "host/lock_queue.h"
#include "shoji/base/deadline.h"
#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji {

class FileLock {
 public:
  FileLock() = default;

  // Creates the file if it is missing (not its directory: NOT_FOUND). A file that was
  // removed while we waited is NOT_FOUND too: the lock of what is gone protects nothing.
  // DEADLINE_EXCEEDED names `what` and the holder's pid. With `queue` the threads that share it
  // take turns without looking at the file.
  static Result<FileLock> Acquire(const std::string& path, LockMode mode, Deadline deadline,
                                  std::string_view what, LockQueue* queue = nullptr);

  // Acquire() that does not wait: FAILED_PRECONDITION names `what` and the holder.
  static Result<FileLock> TryAcquire(const std::string& path, LockMode mode, std::string_view what);

  explicit operator bool() const { return static_cast<bool>(fd_); }
  void Release() {
    fd_.reset();
    turn_ = {};
  }

 private:
  explicit FileLock(UniqueFd fd, LockQueue::Turn turn = {})
      : turn_(std::move(turn)), fd_(std::move(fd)) {}
  LockQueue::Turn turn_;  // first: who is next finds the file free
  UniqueFd fd_;
};

// The process that holds the exclusive lock on `path`; 0 when nobody does or the file is
// missing, -1 when the holder is not known (it is just writing its number).
Result<pid_t> LockHolder(const std::string& path);

}  // namespace shoji

#endif  // SHOJI_CORE_HOST_LOCK_H_
