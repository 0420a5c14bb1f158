#include "plugin/trust.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <deque>

#include "shoji/base/errno.h"
#include "shoji/base/strings.h"

namespace shoji {
namespace {

constexpr int kMaxLinks = 40;
constexpr mode_t kOthersWrite = S_IWGRP | S_IWOTH;

bool IsTrusted(uid_t owner) { return owner == 0 || owner == geteuid(); }

Status WrongOwner(const std::string& path, uid_t owner) {
  return PermissionDenied(path + " belongs to user " + std::to_string(owner) +
                          ", who could replace the plugin; chown it to root");
}

Status OthersMayWrite(const std::string& path) {
  return PermissionDenied("others than its owner may write to " + path + "; run chmod go-w on it");
}

bool IsPrefixOrAbove(const std::string& dir, const std::string& prefix) {
  if (dir == "/") return !prefix.empty();
  return prefix.compare(0, dir.size(), dir) == 0 &&
         (prefix.size() == dir.size() || prefix[dir.size()] == '/');
}

// Walks a path component by component, as the kernel does, and checks each directory.
class Walker {
 public:
  Walker(std::string prefix, KnownDirs* known) : prefix_(std::move(prefix)), known_(known) {}

  // The path without symbolic links.
  Result<std::string> Resolve(const std::string& path);

 private:
  Status Step(const std::string& name);
  Result<struct stat> Look(const std::string& path) const;
  Status FollowLink(const std::string& path);
  Status CheckDir(const std::string& next_path, const struct stat& next) const;
  void Push(const std::string& path);

  std::string prefix_;
  KnownDirs* known_;
  std::deque<std::string> left_;
  std::string at_;  // what is resolved, "" for "/"
  int links_ = 0;
};

void Walker::Push(const std::string& path) {
  const std::vector<std::string> parts = Split(path, '/');
  left_.insert(left_.begin(), parts.begin(), parts.end());
}

Result<struct stat> Walker::Look(const std::string& path) const {
  if (const auto it = known_->find(path); it != known_->end()) return it->second;
  struct stat st {};
  if (lstat(path.c_str(), &st) < 0) return ErrnoStatus(errno, "cannot stat " + path);
  if (S_ISDIR(st.st_mode)) known_->emplace(path, st);
  return st;
}

// The directory at_ through which `next` is reached. In a sticky directory everybody may
// make files, but nobody may replace those of others: /tmp is fine for what root put there.
Status Walker::CheckDir(const std::string& next_path, const struct stat& next) const {
  const std::string dir = at_.empty() ? "/" : at_;
  if (IsPrefixOrAbove(dir, prefix_)) return OkStatus();
  SHOJI_ASSIGN_OR_RETURN(const struct stat st, Look(dir));
  if (!IsTrusted(st.st_uid)) return WrongOwner(dir, st.st_uid);
  if ((st.st_mode & kOthersWrite) == 0) return OkStatus();
  if ((st.st_mode & S_ISVTX) == 0) return OthersMayWrite(dir);
  return IsTrusted(next.st_uid) ? OkStatus() : WrongOwner(next_path, next.st_uid);
}

Status Walker::FollowLink(const std::string& path) {
  if (++links_ > kMaxLinks) return ErrnoStatus(ELOOP, "cannot resolve " + path);
  char target[PATH_MAX];
  const ssize_t n = readlink(path.c_str(), target, sizeof(target));
  if (n < 0) return ErrnoStatus(errno, "cannot read link " + path);
  const std::string text(target, static_cast<std::size_t>(n));
  if (!text.empty() && text[0] == '/') at_.clear();
  Push(text);
  return OkStatus();
}

Status Walker::Step(const std::string& name) {
  if (name.empty() || name == ".") return OkStatus();
  if (name == "..") {
    at_.resize(at_.empty() ? 0 : at_.rfind('/'));
    return OkStatus();
  }
  const std::string path = at_ + "/" + name;
  SHOJI_ASSIGN_OR_RETURN(const struct stat st, Look(path));
  SHOJI_RETURN_IF_ERROR(CheckDir(path, st));
  if (S_ISLNK(st.st_mode)) return FollowLink(path);
  at_ = path;
  return OkStatus();
}

Result<std::string> Walker::Resolve(const std::string& path) {
  if (path.empty() || path[0] != '/') {
    return InvalidArgument("path of a plugin must start with /: \"" + path + "\"");
  }
  Push(path);
  while (!left_.empty()) {
    const std::string name = left_.front();
    left_.pop_front();
    SHOJI_RETURN_IF_ERROR(Step(name));
  }
  return at_;
}

}  // namespace

Result<UniqueFd> OpenTrusted(const std::string& path, const std::string& prefix) {
  KnownDirs known;
  return OpenTrusted(path, prefix, &known);
}

Result<UniqueFd> OpenTrusted(const std::string& path, const std::string& prefix, KnownDirs* known) {
  SHOJI_ASSIGN_OR_RETURN(const std::string real, Walker(prefix, known).Resolve(path));
  // Not blocking: a FIFO in the directory must not hold us up.
  UniqueFd fd(open(real.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) return ErrnoStatus(errno, "cannot open " + real);
  struct stat st {};
  if (fstat(fd.get(), &st) < 0) return ErrnoStatus(errno, "cannot stat " + real);
  if (!S_ISREG(st.st_mode)) return FailedPrecondition(real + " is not a regular file");
  if (!IsTrusted(st.st_uid)) return WrongOwner(real, st.st_uid);
  if ((st.st_mode & kOthersWrite) != 0) return OthersMayWrite(real);
  return fd;
}

}  // namespace shoji
