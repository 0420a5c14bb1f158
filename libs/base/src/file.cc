#include "shoji/base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <memory>

#include "shoji/base/errno.h"

namespace shoji {
namespace {

struct DirCloser {
  void operator()(DIR* dir) const { closedir(dir); }
};
using DirPtr = std::unique_ptr<DIR, DirCloser>;

// Takes `fd` in every case.
Result<DirPtr> OpenDir(UniqueFd fd, const std::string& shown) {
  DIR* dir = fdopendir(fd.get());
  if (dir == nullptr) return ErrnoStatus(errno, "cannot read directory " + shown);
  (void)fd.release();
  return DirPtr(dir);
}

Result<std::vector<std::string>> Names(DIR* dir, const std::string& shown) {
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = readdir(dir)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
    errno = 0;
  }
  if (errno != 0) return ErrnoStatus(errno, "cannot read directory " + shown);
  std::sort(names.begin(), names.end());
  return names;
}

Status RemoveAt(int parent, const std::string& name, dev_t device, const std::string& shown);

Status RemoveDirAt(int parent, const std::string& name, dev_t device, const std::string& shown) {
  UniqueFd fd(openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT) return OkStatus();
    return ErrnoStatus(errno, "cannot open directory " + shown);
  }
  struct stat st {};
  if (fstat(fd.get(), &st) < 0) return ErrnoStatus(errno, "cannot stat " + shown);
  if (device != 0 && st.st_dev != device) {
    return FailedPrecondition(shown + " is a mount point; not removed");
  }
  const int dir_fd = fd.get();
  SHOJI_ASSIGN_OR_RETURN(DirPtr dir, OpenDir(std::move(fd), shown));
  SHOJI_ASSIGN_OR_RETURN(const std::vector<std::string> names, Names(dir.get(), shown));
  for (const std::string& child : names) {
    SHOJI_RETURN_IF_ERROR(RemoveAt(dir_fd, child, st.st_dev, shown + "/" + child));
  }
  if (unlinkat(parent, name.c_str(), AT_REMOVEDIR) < 0 && errno != ENOENT) {
    return ErrnoStatus(errno, "cannot remove directory " + shown);
  }
  return OkStatus();
}

Status RemoveAt(int parent, const std::string& name, dev_t device, const std::string& shown) {
  if (unlinkat(parent, name.c_str(), 0) == 0 || errno == ENOENT) return OkStatus();
  if (errno != EISDIR && errno != EPERM) return ErrnoStatus(errno, "cannot remove " + shown);
  return RemoveDirAt(parent, name, device, shown);
}

Status SyncDirOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string dir = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  UniqueFd fd(open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || fsync(fd.get()) < 0) return ErrnoStatus(errno, "cannot sync directory " + dir);
  return OkStatus();
}

Status WriteAndSync(const std::string& path, std::string_view data, mode_t mode) {
  UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd) return ErrnoStatus(errno, "cannot create " + path);
  Status status = WriteAll(fd.get(), data);
  if (!status.ok()) return std::move(status).WithContext("cannot write " + path);
  if (fsync(fd.get()) < 0) return ErrnoStatus(errno, "cannot sync " + path);
  return OkStatus();
}

}  // namespace

Result<std::string> ReadAll(int fd, std::size_t max_bytes) {
  std::string out;
  char buffer[16384];
  for (;;) {
    const ssize_t n = read(fd, buffer, sizeof(buffer));
    if (n == 0) return out;
    if (n < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus(errno, "cannot read");
    }
    out.append(buffer, static_cast<std::size_t>(n));
    if (out.size() > max_bytes) {
      return ResourceExhausted("larger than " + std::to_string(max_bytes) + " bytes");
    }
  }
}

Result<std::string> ReadFile(const std::string& path, std::size_t max_bytes) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, "cannot open " + path);
  Result<std::string> text = ReadAll(fd.get(), max_bytes);
  if (!text.ok()) return std::move(text).status().WithContext(path);
  return text;
}

Status WriteAll(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t n = write(fd, data.data(), data.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) {  // a descriptor that somebody made non-blocking
        pollfd wait{fd, POLLOUT, 0};
        poll(&wait, 1, -1);
        continue;
      }
      return ErrnoStatus(errno, "write failed");
    }
    data.remove_prefix(static_cast<std::size_t>(n));
  }
  return OkStatus();
}

Status WriteFile(const std::string& path, std::string_view data, mode_t mode) {
  UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  if (!fd) return ErrnoStatus(errno, "cannot create " + path);
  return WriteAll(fd.get(), data).WithContext("cannot write " + path);
}

Status WriteFileAtomic(const std::string& path, std::string_view data, mode_t mode) {
  // The pid keeps two writers apart; a left-over of a dead process with our pid goes.
  const std::string temporary = path + ".tmp." + std::to_string(getpid());
  SHOJI_RETURN_IF_ERROR(RemoveFile(temporary));
  Status status = WriteAndSync(temporary, data, mode);
  if (status.ok() && rename(temporary.c_str(), path.c_str()) < 0) {
    status = ErrnoStatus(errno, "cannot rename " + temporary + " to " + path);
  }
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  return SyncDirOf(path);
}

Status MakeDirs(const std::string& path, mode_t mode) {
  if (path.empty()) return InvalidArgument("path of a directory is empty");
  std::size_t end = 0;
  do {
    end = path.find('/', end + 1);
    const std::string part = path.substr(0, end);
    if (mkdir(part.c_str(), mode) < 0 && errno != EEXIST) {
      return ErrnoStatus(errno, "cannot create directory " + part);
    }
  } while (end != std::string::npos);
  struct stat st {};
  if (stat(path.c_str(), &st) < 0) return ErrnoStatus(errno, "cannot stat " + path);
  if (!S_ISDIR(st.st_mode)) return FailedPrecondition(path + " exists and is not a directory");
  return OkStatus();
}

Status RemoveTree(const std::string& path) {
  struct stat st {};
  if (lstat(path.c_str(), &st) < 0) {
    return errno == ENOENT ? OkStatus() : ErrnoStatus(errno, "cannot stat " + path);
  }
  return RemoveAt(AT_FDCWD, path, st.st_dev, path);
}

Status RemoveFile(const std::string& path) {
  if (unlink(path.c_str()) < 0 && errno != ENOENT) {
    return ErrnoStatus(errno, "cannot remove " + path);
  }
  return OkStatus();
}

bool PathExists(const std::string& path) {
  struct stat st {};
  return lstat(path.c_str(), &st) == 0;
}

Result<std::vector<std::string>> ListDir(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, "cannot open directory " + path);
  SHOJI_ASSIGN_OR_RETURN(DirPtr dir, OpenDir(std::move(fd), path));
  return Names(dir.get(), path);
}

Result<std::string> ExecutablePath() {
  char buffer[PATH_MAX];
  const ssize_t n = readlink("/proc/self/exe", buffer, sizeof(buffer));
  if (n < 0) return ErrnoStatus(errno, "cannot read /proc/self/exe");
  return std::string(buffer, static_cast<std::size_t>(n));
}

}  // namespace shoji
