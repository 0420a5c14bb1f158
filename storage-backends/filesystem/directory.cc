#include "directory.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "shoji/base/deadline.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"

namespace shoji::filesystem {
namespace {

constexpr char kMarker[] = ".lock";
constexpr std::string_view kMarkerText = "Shoji filesystem store 1\n";
constexpr int kLockPollMs = 2;

// "a/b=" -> "a", "b=" -> ".".
std::string DirOf(const std::string& name) {
  const std::size_t slash = name.rfind('/');
  return slash == std::string::npos ? "." : name.substr(0, slash);
}

// Waits a little, or less when the caller gives up.
Status Pause(Deadline deadline, int cancel_fd) {
  pollfd cancel{cancel_fd, POLLIN, 0};  // a negative descriptor is left out
  const int left = deadline.PollTimeout();
  const int timeout = left < 0 ? kLockPollMs : std::min(left, kLockPollMs);
  if (poll(&cancel, 1, timeout) > 0) return Cancelled("cancelled while waiting for the store");
  if (!deadline.passed()) return OkStatus();
  return DeadlineExceeded("another process holds the store for too long");
}

// After the store was made: its name, and those of the directories made on the way. Who may
// not read a directory above did not make it.
void SyncAncestors(const std::string& path) {
  for (std::size_t end = path.rfind('/'); end != std::string::npos && end > 0;
       end = path.rfind('/', end - 1)) {
    const UniqueFd fd(open(path.substr(0, end).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd) (void)fsync(fd.get());
  }
}

}  // namespace

Status Directory::Failure(int error, std::string_view what, const std::string& name) const {
  const std::string shown = name.empty() || name == "." ? path_ : path_ + "/" + name;
  return ErrnoStatus(error, std::string(what) + " " + shown);
}

Result<Directory> Directory::Open(const std::string& path) {
  struct stat st {};
  if (stat(path.c_str(), &st) == 0 && !S_ISDIR(st.st_mode)) {
    return DataLoss(path + " is no directory; set store.filesystem.path to an empty directory");
  }
  SHOJI_RETURN_IF_ERROR(MakeDirs(path, 0700));
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, "cannot open store directory " + path);
  Directory directory(path, std::move(fd));
  if (!directory.Exists(kMarker)) SHOJI_RETURN_IF_ERROR(directory.MakeMarker());
  SHOJI_RETURN_IF_ERROR(directory.CheckMarker());
  return directory;
}

// The marker is moved into place whole: who opens it never sees a part of it.
Status Directory::MakeMarker() const {
  SHOJI_ASSIGN_OR_RETURN(const std::vector<std::string> names, List(""));
  const bool foreign = std::any_of(names.begin(), names.end(), [](const std::string& name) {
    // Another process may be making the store just now.
    return name.compare(0, 5, kMarker) != 0;
  });
  if (foreign && std::find(names.begin(), names.end(), kMarker) == names.end()) {
    // One that was quicker has made it meanwhile and saved something.
    if (Exists(kMarker)) return OkStatus();
    return DataLoss("directory " + path_ + " holds something that is not a Shoji store (" +
                    names.front() + "); set store.filesystem.path to an empty directory");
  }
  const std::string temporary =
      std::string(kMarker) + "." + std::to_string(getpid()) + "." + std::to_string(gettid());
  SHOJI_RETURN_IF_ERROR(WriteDurably(temporary, {kMarkerText}));
  // Not replacing: locks are held on the file that is there.
  const int linked = linkat(fd_.get(), temporary.c_str(), fd_.get(), kMarker, 0);
  const int error = errno;
  unlinkat(fd_.get(), temporary.c_str(), 0);
  if (linked < 0 && error != EEXIST) return Failure(error, "cannot create", kMarker);
  SHOJI_RETURN_IF_ERROR(SyncDirOf(kMarker));
  SyncAncestors(path_);
  return OkStatus();
}

Status Directory::CheckMarker() const {
  SHOJI_ASSIGN_OR_RETURN(const std::string text, Read(kMarker, 4096));
  if (text == kMarkerText) return OkStatus();
  return DataLoss(path_ + "/" + kMarker +
                  " is not that of a Shoji store this version knows; the directory is left alone");
}

Result<Lock> Directory::Acquire(LockMode mode, const shoji_call* call) const {
  UniqueFd fd(openat(fd_.get(), kMarker, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd && errno == ENOENT) {
    // Not NOT_FOUND: that would say that there is no such record.
    return Unavailable("store " + path_ + " was deleted while it was open; open it again");
  }
  if (!fd) return Failure(errno, "cannot open", kMarker);
  const Deadline deadline = Deadline::FromNanos(call == nullptr ? 0 : call->deadline_ns);
  const int cancel_fd = call == nullptr ? -1 : call->cancel_fd;
  const int kind = mode == LockMode::kShared ? LOCK_SH : LOCK_EX;
  const bool may_give_up = !deadline.never() || cancel_fd >= 0;
  while (flock(fd.get(), may_give_up ? kind | LOCK_NB : kind) < 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return Failure(errno, "cannot lock", kMarker);
    Status status = Pause(deadline, cancel_fd);
    if (!status.ok()) return std::move(status).WithContext("store " + path_);
  }
  return Lock(std::move(fd), mode);
}

Result<std::string> Directory::Read(const std::string& name, std::size_t max_bytes) const {
  UniqueFd fd(openat(fd_.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) return Failure(errno, "cannot open", name);
  Result<std::string> bytes = ReadAll(fd.get(), max_bytes);
  if (!bytes.ok()) return std::move(bytes).status().WithContext(path_ + "/" + name);
  return bytes;
}

bool Directory::Exists(const std::string& name) const {
  return faccessat(fd_.get(), name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

std::optional<std::string_view> Directory::ReadSmall(const std::string& name, char* buffer,
                                                     std::size_t size) const {
  const UniqueFd fd(
      openat(fd_.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) return std::nullopt;
  const ssize_t n = read(fd.get(), buffer, size);
  if (n < 0 || static_cast<std::size_t>(n) >= size) return std::nullopt;
  return std::string_view(buffer, static_cast<std::size_t>(n));
}

Result<UniqueFd> Directory::Write(const std::string& name,
                                  const std::vector<std::string_view>& pieces) const {
  UniqueFd fd(
      openat(fd_.get(), name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return Failure(errno, "cannot create", name);
  for (const std::string_view piece : pieces) {
    Status status = WriteAll(fd.get(), piece);
    if (!status.ok()) return std::move(status).WithContext("cannot write " + path_ + "/" + name);
  }
  return fd;
}

Status Directory::Sync(const UniqueFd& fd, const std::string& name) const {
  return fsync(fd.get()) < 0 ? Failure(errno, "cannot sync", name) : OkStatus();
}

Status Directory::WriteDurably(const std::string& name,
                               const std::vector<std::string_view>& pieces) const {
  SHOJI_ASSIGN_OR_RETURN(const UniqueFd fd, Write(name, pieces));
  return Sync(fd, name);
}

Status Directory::Rename(const std::string& from, const std::string& to) const {
  if (renameat(fd_.get(), from.c_str(), fd_.get(), to.c_str()) < 0) {
    return Failure(errno, "cannot rename " + from + " to", to);
  }
  return OkStatus();
}

Status Directory::Move(const std::string& from, const std::string& to) const {
  SHOJI_RETURN_IF_ERROR(Rename(from, to));
  return SyncDirOf(to);
}

Status Directory::MakeParents(const std::string& name) const {
  for (std::size_t at = name.find('/'); at != std::string::npos; at = name.find('/', at + 1)) {
    const std::string dir = name.substr(0, at);
    if (mkdirat(fd_.get(), dir.c_str(), 0700) == 0) {
      SHOJI_RETURN_IF_ERROR(SyncDirOf(dir));
    } else if (errno != EEXIST) {
      return Failure(errno, "cannot create directory", dir);
    }
  }
  return OkStatus();
}

Status Directory::Unlink(const std::string& name) const {
  if (unlinkat(fd_.get(), name.c_str(), 0) == 0 || errno == ENOENT) return OkStatus();
  return Failure(errno, "cannot remove", name);
}

Status Directory::Remove(const std::string& name) const {
  SHOJI_RETURN_IF_ERROR(Unlink(name));
  SHOJI_RETURN_IF_ERROR(SyncDirsOf({name}));
  Prune(name);
  return OkStatus();
}

void Directory::Prune(const std::string& name) const {
  for (std::string dir = DirOf(name); dir != "."; dir = DirOf(dir)) {
    if (unlinkat(fd_.get(), dir.c_str(), AT_REMOVEDIR) < 0) return;  // in use still
  }
}

Status Directory::SyncDirOf(const std::string& name) const {
  const std::string dir = DirOf(name);
  UniqueFd fd(openat(fd_.get(), dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || fsync(fd.get()) < 0) return Failure(errno, "cannot sync directory", dir);
  return OkStatus();
}

Status Directory::SyncDirsOf(const std::vector<std::string>& names) const {
  std::set<std::string> dirs;
  for (const std::string& name : names) {
    std::string dir = DirOf(name);
    while (dir != "." && !Exists(dir)) dir = DirOf(dir);
    dirs.insert(std::move(dir));
  }
  for (const std::string& dir : dirs) SHOJI_RETURN_IF_ERROR(SyncDirOf(dir + "/."));
  return OkStatus();
}

Result<std::vector<std::string>> Directory::List(const std::string& name) const {
  // By descriptor, so that the path may be long and the directory renamed.
  return ListDir("/proc/self/fd/" + std::to_string(fd_.get()) + "/" + name);
}

}  // namespace shoji::filesystem
