#include "socket_lock.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji::cache {
namespace {

constexpr int kPauseMs = 20;

std::string LockOf(const std::string& socket_path) { return socket_path + ".lock"; }

std::string HolderOf(const std::string& lock_path) {
  const auto text = ReadFile(lock_path, 64);
  const std::string pid(text.ok() ? Trim(*text) : std::string_view());
  return pid.empty() ? "another process" : "process " + pid;
}

// The file may have been removed by its holder between our open and our lock.
bool IsStillThere(int fd, const std::string& path) {
  struct stat ours {};
  struct stat current {};
  return fstat(fd, &ours) == 0 && stat(path.c_str(), &current) == 0 &&
         ours.st_ino == current.st_ino;
}

}  // namespace

Result<SocketLock> SocketLock::Take(const std::string& socket_path) {
  if (socket_path.empty() || socket_path[0] != '/') {
    return InvalidArgument("socket \"" + socket_path + "\" is not an absolute path");
  }
  SHOJI_RETURN_IF_ERROR(MakeDirs(socket_path.substr(0, socket_path.rfind('/')), 0700));
  const std::string path = LockOf(socket_path);
  for (;;) {
    UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd) return ErrnoStatus(errno, "cannot open " + path);
    if (flock(fd.get(), LOCK_EX | LOCK_NB) < 0) {
      if (errno != EWOULDBLOCK) return ErrnoStatus(errno, "cannot lock " + path);
      return AlreadyExists(HolderOf(path) + " already serves VMs at " + socket_path +
                           "; end it with shoji factory destroy, or choose another socket");
    }
    if (!IsStillThere(fd.get(), path)) continue;
    if (ftruncate(fd.get(), 0) < 0) return ErrnoStatus(errno, "cannot truncate " + path);
    SHOJI_RETURN_IF_ERROR(WriteAll(fd.get(), std::to_string(getpid()) + "\n"));
    return SocketLock(path, std::move(fd));
  }
}

SocketLock::~SocketLock() {
  if (fd_) static_cast<void>(RemoveFile(path_));
}

Status SocketLock::AwaitFree(const std::string& socket_path, Deadline deadline, int cancel_fd) {
  const std::string path = LockOf(socket_path);
  for (;;) {
    const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd || flock(fd.get(), LOCK_SH | LOCK_NB) == 0) return OkStatus();
    if (deadline.passed()) {
      return DeadlineExceeded(HolderOf(path) + " still serves VMs at " + socket_path);
    }
    pollfd cancel{cancel_fd, POLLIN, 0};
    if (poll(&cancel, 1, kPauseMs) > 0) return Cancelled("waiting for the server was cancelled");
  }
}

}  // namespace shoji::cache
