#include "lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "shoji/base/deadline.h"
#include "shoji/base/errno.h"
#include "shoji/sdk/wait.h"

namespace shoji::templates {
namespace {

// flock() knows no time limit: it is tried again and again.
constexpr std::int64_t kFirstPause = 500'000;
constexpr std::int64_t kLongestPause = 20'000'000;

}  // namespace

bool IsStillAt(int fd, const std::string& path) {
  struct stat ours {};
  struct stat there {};
  return fstat(fd, &ours) == 0 && stat(path.c_str(), &there) == 0 && ours.st_ino == there.st_ino &&
         ours.st_dev == there.st_dev;
}

Lock::~Lock() {
  // First the name, then the lock: who gets it sees that the file is gone, and makes another.
  if (fd_) unlink(path_.c_str());
}

Result<std::optional<Lock>> Lock::Try(const std::string& path) {
  for (;;) {
    UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd) return ErrnoStatus(errno, "cannot make the lock \"" + path + "\"");
    if (flock(fd.get(), LOCK_EX | LOCK_NB) < 0) {
      if (errno == EWOULDBLOCK || errno == EINTR) return std::optional<Lock>();
      return ErrnoStatus(errno, "cannot lock \"" + path + "\"");
    }
    if (IsStillAt(fd.get(), path)) return std::optional<Lock>(Lock(std::move(fd), path));
  }
}

Result<Lock> Lock::Wait(const std::string& path, const shoji_call* call, const std::string& what) {
  const std::int64_t deadline = sdk::internal::DeadlineOf(call);
  for (std::int64_t pause = kFirstPause;; pause = std::min(pause * 2, kLongestPause)) {
    SHOJI_ASSIGN_OR_RETURN(std::optional<Lock> lock, Try(path));
    if (lock.has_value()) return std::move(*lock);
    const std::int64_t until = sdk::NowNanos() + pause;
    shoji_call part{};
    part.struct_size = sizeof part;
    part.cancel_fd = sdk::internal::CancelFd(call);
    part.deadline_ns = deadline == 0 ? until : std::min(until, deadline);
    const Status waited = sdk::WaitUntilReady(&part, -1, 0, what);
    if (waited.code() != StatusCode::kDeadlineExceeded) return waited;
    if (deadline != 0 && sdk::NowNanos() >= deadline) return waited;
  }
}

}  // namespace shoji::templates
