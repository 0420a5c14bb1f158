#include "host/mount_points.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <deque>

#include "shoji/base/strings.h"
#include "shoji/base/unique_fd.h"

namespace shoji {
namespace {

constexpr int kMaxLinks = 40;  // as the kernel

// A path without links and without "..", as the walk below makes them.
UniqueFd OpenDir(int root, const std::string& path) {
  struct open_how how = {};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS;
  const char* const shown = path.empty() ? "/" : path.c_str();
  return UniqueFd(static_cast<int>(syscall(SYS_openat2, root, shown, &how, sizeof(how))));
}

// What lies below these is mounted over before it is looked at.
bool IsCovered(const std::string& path) {
  const auto below = [&](const char* dir) { return path.rfind(dir, 0) == 0; };
  return below("/proc/") || below("/sys/") || below("/dev/");
}

// Goes through a path as if the root were "/" and makes what is missing, also behind a link
// that points to nothing yet.
class Walk {
 public:
  Walk(int root, bool file) : root_(root), file_(file) {}

  void Make(const std::string& path) {
    Push(path);
    while (!pending_.empty()) {
      const std::string part = pending_.front();
      pending_.pop_front();
      if (part.empty() || part == ".") continue;
      if (part == "..") {
        reached_ = reached_.substr(0, reached_.empty() ? 0 : reached_.rfind('/'));
      } else if (!Step(part)) {
        return;
      }
    }
  }

 private:
  void Push(const std::string& path) {
    const auto parts = Split(path, '/');
    pending_.insert(pending_.begin(), parts.begin(), parts.end());
  }

  bool Step(const std::string& part) {
    const UniqueFd parent = OpenDir(root_, reached_);
    if (!parent) return false;
    struct stat info = {};
    if (fstatat(parent.get(), part.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
      if (S_ISLNK(info.st_mode)) return Follow(parent.get(), part);
    } else if (!MakeOne(parent.get(), part)) {
      return false;
    }
    reached_ += "/" + part;
    return true;
  }

  bool MakeOne(int parent, const std::string& part) const {
    if (!file_ || !pending_.empty()) return mkdirat(parent, part.c_str(), 0755) == 0;
    constexpr int kNew = O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_WRONLY;
    return static_cast<bool>(UniqueFd(openat(parent, part.c_str(), kNew, 0644)));
  }

  bool Follow(int parent, const std::string& part) {
    char target[PATH_MAX];
    const ssize_t size = readlinkat(parent, part.c_str(), target, sizeof(target));
    if (size <= 0 || ++links_ > kMaxLinks) return false;
    if (target[0] == '/') reached_.clear();
    Push(std::string(target, static_cast<std::size_t>(size)));
    return true;
  }

  int root_;
  bool file_;
  std::deque<std::string> pending_;
  std::string reached_;  // so far: no links in it
  int links_ = 0;
};

}  // namespace

void MakeMountPoints(const std::string& rootfs, const std::vector<NeededPoint>& points) {
  const UniqueFd root(open(rootfs.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return;  // told when the rootfs is shared
  for (const NeededPoint& point : points) {
    if (!IsCovered(point.path)) Walk(root.get(), point.file).Make(point.path);
  }
}

}  // namespace shoji
