#include "jail/resolve.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <deque>

#include "shoji/base/errno.h"
#include "shoji/base/strings.h"

namespace shoji::jail {
namespace {

constexpr int kMaxLinks = 40;  // as the kernel

Result<UniqueFd> Open(int root_fd, const std::string& path, int flags, std::uint64_t resolve) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(static_cast<unsigned>(flags | O_CLOEXEC));
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve;
  const std::string shown = path.empty() ? "/" : path;
  const long fd = syscall(SYS_openat2, root_fd, shown.c_str(), &how, sizeof how);
  if (fd < 0) return ErrnoStatus(errno, "cannot open \"" + shown + "\" in the container's root");
  return UniqueFd(static_cast<int>(fd));
}

void PushFront(const std::string& path, std::deque<std::string>* pending) {
  std::vector<std::string> parts = Split(path, '/');
  pending->insert(pending->begin(), parts.begin(), parts.end());
}

std::string ParentOf(const std::string& real) {
  const std::size_t slash = real.rfind('/');
  return slash == std::string::npos ? std::string() : real.substr(0, slash);
}

// Walks a path component by component as if the root were "/", following links itself, so
// that it can make what is missing: also behind a link that points to nothing yet.
class Maker {
 public:
  Maker(int root_fd, mode_t mode) : root_fd_(root_fd), mode_(mode) {}

  Result<UniqueFd> MakeDir(const std::string& path) {
    SHOJI_RETURN_IF_ERROR(Walk(path));
    return Open(root_fd_, real_, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
  }

  // The last component becomes an empty file, also behind a link to nothing (as
  // /etc/resolv.conf is one in many images).
  Result<UniqueFd> MakeFile(const std::string& path) {
    file_ = true;
    SHOJI_RETURN_IF_ERROR(Walk(path));
    return Open(root_fd_, real_, O_PATH, RESOLVE_NO_SYMLINKS);
  }

 private:
  Status Walk(const std::string& path) {
    PushFront(path, &pending_);
    while (!pending_.empty()) {
      const std::string part = pending_.front();
      pending_.pop_front();
      if (part.empty() || part == ".") continue;
      if (part == "..") {
        real_ = ParentOf(real_);
        continue;
      }
      SHOJI_RETURN_IF_ERROR(Step(part));
    }
    return OkStatus();
  }

  Status Step(const std::string& part) {
    SHOJI_ASSIGN_OR_RETURN(UniqueFd dir,
                           Open(root_fd_, real_, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS));
    if (MakeOne(dir.get(), part)) return Enter(part);
    const int mkdir_error = errno;
    struct stat st {};
    if (fstatat(dir.get(), part.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0)
      return ErrnoStatus(mkdir_error,
                         "cannot make \"" + real_ + "/" + part + "\" in the container's root");
    return S_ISLNK(st.st_mode) ? Follow(dir.get(), part) : Enter(part);
  }

  bool MakeOne(int dir, const std::string& part) {
    if (!file_ || !pending_.empty()) return mkdirat(dir, part.c_str(), mode_) == 0;
    constexpr int kNew = O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC;
    return static_cast<bool>(UniqueFd(openat(dir, part.c_str(), kNew, 0644)));
  }

  Status Enter(const std::string& part) {
    real_ += "/" + part;
    return OkStatus();
  }

  Status Follow(int dir, const std::string& part) {
    char target[PATH_MAX];
    const ssize_t size = readlinkat(dir, part.c_str(), target, sizeof target);
    if (size < 0) return ErrnoStatus(errno, "cannot read the link \"" + real_ + "/" + part + "\"");
    if (++links_ > kMaxLinks) return ErrnoStatus(ELOOP, "\"" + real_ + "/" + part + "\"");
    const std::string text(target, static_cast<std::size_t>(size));
    if (text.substr(0, 1) == "/") real_.clear();
    PushFront(text, &pending_);
    return OkStatus();
  }

  int root_fd_;
  mode_t mode_;
  bool file_ = false;
  std::deque<std::string> pending_;
  std::string real_;  // so far: no links in it
  int links_ = 0;
};

std::string WithoutSlashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

}  // namespace

Result<UniqueFd> OpenInRoot(int root_fd, const std::string& path, int flags) {
  return Open(root_fd, path, flags, 0);
}

namespace {

// Only the last component is missing, most often. No descriptor: it is not that simple.
UniqueFd MakeLast(int root_fd, const std::string& path, mode_t mode) {
  const std::size_t slash = path.rfind('/');
  const std::string name = path.substr(slash == std::string::npos ? 0 : slash + 1);
  if (name.empty() || name == "." || name == "..") return UniqueFd();
  const Result<UniqueFd> parent = OpenInRoot(root_fd, ParentOf(path), O_PATH | O_DIRECTORY);
  if (!parent.ok() || mkdirat(parent->get(), name.c_str(), mode) < 0) return UniqueFd();
  constexpr int kDir = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  return UniqueFd(openat(parent->get(), name.c_str(), kDir));
}

}  // namespace

Result<UniqueFd> EnsureDir(int root_fd, const std::string& path, mode_t mode, bool* made) {
  Result<UniqueFd> there = OpenInRoot(root_fd, path, O_PATH | O_DIRECTORY);
  const bool missing = !there.ok() && there.status().sys_errno() == ENOENT;
  if (made != nullptr) *made = missing;
  if (!missing) return there;
  if (UniqueFd last = MakeLast(root_fd, path, mode)) return last;
  return Maker(root_fd, mode).MakeDir(path);
}

Result<ParentDir> EnsureParent(int root_fd, const std::string& path) {
  const std::string clean = WithoutSlashes(path);
  const std::size_t slash = clean.rfind('/');
  const std::string name = slash == std::string::npos ? clean : clean.substr(slash + 1);
  if (name.empty() || name == "." || name == "..")
    return InvalidArgument("\"" + path + "\" does not name a file");
  SHOJI_ASSIGN_OR_RETURN(UniqueFd dir, EnsureDir(root_fd, ParentOf(clean), 0755));
  return ParentDir{std::move(dir), name};
}

Result<UniqueFd> EnsureFile(int root_fd, const std::string& path) {
  Result<UniqueFd> there = OpenInRoot(root_fd, path, O_PATH);
  if (there.ok() || there.status().sys_errno() != ENOENT) return there;
  return Maker(root_fd, 0755).MakeFile(WithoutSlashes(path));
}

std::string FdPath(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

}  // namespace shoji::jail
