#include "turn.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "shoji/base/errno.h"

namespace shoji::oneprocess {
namespace {

// For file systems and forks that do not tell of the close: a child that its holder made by
// fork() without exec() keeps the descriptor open.
constexpr int kAskAgainMs = 100;
constexpr int kFlags = O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW;

Status MakeFifo(const std::string& path) {
  struct stat st {};
  if (lstat(path.c_str(), &st) < 0) {
    if (errno != ENOENT) return ErrnoStatus(errno, "cannot look at " + path);
    // Another process may be quicker; opening tells what it is.
    if (mkfifo(path.c_str(), 0600) == 0 || errno == EEXIST) return OkStatus();
    return ErrnoStatus(errno, "cannot create " + path);
  }
  if (S_ISFIFO(st.st_mode)) return OkStatus();
  return DataLoss(path + " is not the FIFO that Shoji made; remove it");
}

Result<UniqueFd> OpenFifo(const std::string& path, int mode) {
  UniqueFd fd(open(path.c_str(), mode | kFlags));
  if (!fd) return ErrnoStatus(errno, "cannot open " + path);
  return fd;
}

// True when the lock is taken.
Result<bool> TryLock(int fd, const std::string& path) {
  while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) return ErrnoStatus(errno, "cannot lock " + path);
  }
  return true;
}

// Until it is worth trying again.
Status Wait(int listener, const Patience& patience, const std::function<std::string()>& holder) {
  pollfd fds[] = {{listener, 0, 0}, {patience.cancel_fd, POLLIN, 0}};
  const int left = patience.deadline.PollTimeout();
  poll(fds, 2, left < 0 ? kAskAgainMs : std::min(left, kAskAgainMs));
  if (fds[1].revents != 0) return Cancelled("cancelled while waiting: " + holder());
  if (fds[0].revents == 0 && patience.deadline.passed()) return patience.Expired(holder());
  return OkStatus();
}

Result<Held> TakeOne(const std::string& path, const Patience& patience,
                     const std::function<std::string()>& holder) {
  UniqueFd listener;
  while (true) {
    SHOJI_ASSIGN_OR_RETURN(UniqueFd fd, OpenFifo(path, O_RDWR));
    SHOJI_ASSIGN_OR_RETURN(const bool taken, TryLock(fd.get(), path));
    if (taken) return Held(std::move(fd));
    // A full FIFO has been asked often enough.
    if (write(fd.get(), "?", 1) < 0 && errno != EAGAIN) return ErrnoStatus(errno, "write " + path);
    fd.reset();
    if (listener) {
      SHOJI_RETURN_IF_ERROR(Wait(listener.get(), patience, holder));
    } else {  // and try once more, the lock may have become free before we listened
      SHOJI_ASSIGN_OR_RETURN(listener, OpenFifo(path, O_RDONLY));
    }
  }
}

// What was asked by ourselves, and by those who gave up.
void ForgetQuestions(int fd) {
  char bytes[512];
  while (read(fd, bytes, sizeof(bytes)) > 0) {
  }
}

}  // namespace

Held& Held::operator=(Held&& other) noexcept {
  Release();
  fd_ = std::move(other.fd_);
  return *this;
}

// Unlocking comes first: a child after fork() may have the descriptor too.
void Held::Release() {
  if (fd_) flock(fd_.get(), LOCK_UN);
  fd_.reset();
}

Status Turn::Prepare() const {
  SHOJI_RETURN_IF_ERROR(MakeFifo(dir_ + "/.turn"));
  return MakeFifo(dir_ + "/.lock");
}

Result<Held> Turn::Take(const Patience& patience,
                        const std::function<std::string()>& holder) const {
  SHOJI_ASSIGN_OR_RETURN(const Held turn, TakeOne(dir_ + "/.turn", patience, holder));
  SHOJI_ASSIGN_OR_RETURN(Held lock, TakeOne(dir_ + "/.lock", patience, holder));
  ForgetQuestions(lock.asked_fd());
  return lock;
}

}  // namespace shoji::oneprocess
