// Who serves at a socket: the holder of the lock beside it.
//
// Purpose  A socket whose lock nobody has is a leftover and may be replaced. The lock is held
//          until all that was served is gone, so that others can wait for that.
// Threads  One at a time.
// Errors   ALREADY_EXISTS names the process that serves there.
// Example  SHOJI_ASSIGN_OR_RETURN(const SocketLock lock, SocketLock::Take(path));
#ifndef SHOJI_FACTORIES_CACHE_SOCKET_LOCK_H_
#define SHOJI_FACTORIES_CACHE_SOCKET_LOCK_H_

#include <string>

#include "shoji/base/deadline.h"
#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::cache {

class SocketLock {
 public:
  static Result<SocketLock> Take(const std::string& socket_path);
  SocketLock(SocketLock&&) = default;
  SocketLock& operator=(SocketLock&&) = delete;
  ~SocketLock();

  // Until nobody holds it. DEADLINE_EXCEEDED names who still does.
  static Status AwaitFree(const std::string& socket_path, Deadline deadline, int cancel_fd);

 private:
  SocketLock(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  std::string path_;
  UniqueFd fd_;
};

}  // namespace shoji::cache

#endif  // SHOJI_FACTORIES_CACHE_SOCKET_LOCK_H_
