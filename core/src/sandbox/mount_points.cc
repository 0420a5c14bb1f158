#include "sandbox/mount_points.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "shoji/base/strings.h"
#include "shoji/base/unique_fd.h"

namespace shoji {
namespace {

UniqueFd OpenInside(int root, const std::string& path) {
  struct open_how how = {};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  return UniqueFd(static_cast<int>(syscall(SYS_openat2, root, path.c_str(), &how, sizeof(how))));
}

// What lies below these is mounted over before it is looked at.
bool IsCovered(const std::string& path) {
  const auto below = [&](const char* dir) { return path.rfind(dir, 0) == 0; };
  return below("/proc/") || below("/sys/") || below("/dev/");
}

void MakeOne(int root, const NeededPoint& point) {
  auto parts = Split(point.path, '/');
  std::erase(parts, "");
  if (std::find(parts.begin(), parts.end(), "..") != parts.end()) return;
  std::string reached = "/";
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string next = reached + parts[i];
    if (!OpenInside(root, next)) {
      const UniqueFd parent = OpenInside(root, reached);
      if (!parent) return;
      if (point.file && i + 1 == parts.size()) {
        UniqueFd(openat(parent.get(), parts[i].c_str(),
                        O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_WRONLY, 0644));
      } else if (mkdirat(parent.get(), parts[i].c_str(), 0755) < 0) {
        return;
      }
    }
    reached = next + "/";
  }
}

}  // namespace

void MakeMountPoints(const std::string& rootfs, const std::vector<NeededPoint>& points) {
  const UniqueFd root(open(rootfs.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return;  // told when the rootfs is shared
  for (const NeededPoint& point : points) {
    if (!IsCovered(point.path)) MakeOne(root.get(), point);
  }
}

}  // namespace shoji
