#include "host/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji {
namespace {

constexpr auto kFirstPause = std::chrono::microseconds(200);
constexpr auto kLongestPause = std::chrono::milliseconds(20);

enum class Attempt { kTaken, kGotIt, kGone };

// The number in the file, or -1. Only an exclusive holder writes it.
pid_t PidIn(const std::string& path) {
  const auto text = ReadFile(path, 64);
  if (!text.ok()) return -1;
  const auto pid = ParseInt(Trim(*text));
  return pid.ok() && *pid > 0 ? static_cast<pid_t>(*pid) : -1;
}

std::string HolderText(const std::string& path) {
  const pid_t pid = PidIn(path);
  return pid > 0 ? "process " + std::to_string(pid) : std::string("another process");
}

// The file behind `path` may have been removed and made again since it was opened.
bool IsStillThere(int fd, const std::string& path) {
  struct stat ours = {};
  struct stat current = {};
  return fstat(fd, &ours) == 0 && stat(path.c_str(), &current) == 0 &&
         ours.st_ino == current.st_ino && ours.st_dev == current.st_dev;
}

Status WritePid(int fd, const std::string& path) {
  if (ftruncate(fd, 0) < 0) return ErrnoStatus(errno, "cannot truncate " + path);
  const std::string text = std::to_string(getpid()) + "\n";
  if (pwrite(fd, text.data(), text.size(), 0) < 0) return ErrnoStatus(errno, "write " + path);
  return OkStatus();
}

Result<Attempt> TryLock(int fd, const std::string& path, LockMode mode) {
  const int operation = mode == LockMode::kExclusive ? LOCK_EX : LOCK_SH;
  if (flock(fd, operation | LOCK_NB) == 0) {
    if (!IsStillThere(fd, path)) return Attempt::kGone;
    if (mode == LockMode::kExclusive) SHOJI_RETURN_IF_ERROR(WritePid(fd, path));
    return Attempt::kGotIt;
  }
  if (errno == EWOULDBLOCK || errno == EINTR) return Attempt::kTaken;
  return ErrnoStatus(errno, "cannot lock " + path);
}

Result<UniqueFd> OpenLock(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return ErrnoStatus(errno, "cannot open lock file " + path);
  return fd;
}

Status Gone(std::string_view what) {
  return NotFound(std::string(what) + " was removed while its lock was waited for");
}

Status TooLate(const std::string& path, std::string_view what, std::int64_t begin) {
  const auto waited = (Deadline::NowNanos() - begin) / 1'000'000;
  return DeadlineExceeded(std::string(what) + " is locked by " + HolderText(path) +
                          " and was not free within " + std::to_string(waited) + " ms");
}

}  // namespace

Result<FileLock> FileLock::Acquire(const std::string& path, LockMode mode, Deadline deadline,
                                   std::string_view what, LockQueue* queue) {
  SHOJI_ASSIGN_OR_RETURN(UniqueFd fd, OpenLock(path));
  const std::int64_t begin = Deadline::NowNanos();
  LockQueue::Turn turn;
  if (queue != nullptr) {
    turn = queue->Wait(mode, deadline);
    if (!turn) return TooLate(path, what, begin);
  }
  // flock() knows no time limit, and a signal to end it early would be process-wide state.
  for (std::chrono::nanoseconds pause = kFirstPause;;) {
    SHOJI_ASSIGN_OR_RETURN(const Attempt attempt, TryLock(fd.get(), path, mode));
    if (attempt == Attempt::kGotIt) return FileLock(std::move(fd), std::move(turn));
    if (attempt == Attempt::kGone) return Gone(what);
    if (deadline.passed()) return TooLate(path, what, begin);
    std::this_thread::sleep_for(pause);
    pause = std::min<std::chrono::nanoseconds>(pause * 2, kLongestPause);
  }
}

Result<FileLock> FileLock::TryAcquire(const std::string& path, LockMode mode,
                                      std::string_view what) {
  SHOJI_ASSIGN_OR_RETURN(UniqueFd fd, OpenLock(path));
  SHOJI_ASSIGN_OR_RETURN(const Attempt attempt, TryLock(fd.get(), path, mode));
  if (attempt == Attempt::kGotIt) return FileLock(std::move(fd));
  if (attempt == Attempt::kGone) return Gone(what);
  return FailedPrecondition(std::string(what) + " is locked by " + HolderText(path));
}

Result<pid_t> LockHolder(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) {
    if (errno == ENOENT) return 0;
    return ErrnoStatus(errno, "cannot open lock file " + path);
  }
  if (flock(fd.get(), LOCK_SH | LOCK_NB) == 0) return 0;
  if (errno != EWOULDBLOCK) return ErrnoStatus(errno, "cannot look at lock " + path);
  return PidIn(path);
}

}  // namespace shoji
