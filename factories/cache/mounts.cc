#include "mounts.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"
#include "shoji/base/unique_fd.h"

namespace shoji::cache {
namespace {

constexpr std::size_t kMountPointField = 4;

Status MakeDir(const std::string& path) {
  if (mkdir(path.c_str(), 0700) == 0) return OkStatus();
  return ErrnoStatus(errno, "cannot create directory " + path);
}

// Puts a copy of the mount at `source` on `target`.
Status MountCopy(const std::string& source, const std::string& target, bool read_only,
                 unsigned long propagation) {
  const UniqueFd tree(open_tree(AT_FDCWD, source.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!tree) return ErrnoStatus(errno, "cannot bind " + source);
  mount_attr attributes = {};
  attributes.propagation = propagation;
  if (read_only) attributes.attr_set = MOUNT_ATTR_RDONLY;
  if (mount_setattr(tree.get(), "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) < 0) {
    return ErrnoStatus(errno, "cannot set the mode of the bind mount of " + source);
  }
  if (move_mount(tree.get(), "", AT_FDCWD, target.c_str(), MOVE_MOUNT_F_EMPTY_PATH) < 0) {
    return ErrnoStatus(errno, "cannot bind " + source + " on " + target);
  }
  return OkStatus();
}

// "\040" for a space, as mountinfo writes it.
std::string Unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      out += static_cast<char>((text[i + 1] - '0') << 6 | (text[i + 2] - '0') << 3 |
                               (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

Status MountShare(const std::string& dir) {
  const std::string mounts = dir + "/mounts";
  const std::string share = dir + "/share";
  SHOJI_RETURN_IF_ERROR(MakeDir(mounts));
  SHOJI_RETURN_IF_ERROR(MakeDir(share));
  SHOJI_RETURN_IF_ERROR(MountCopy(mounts, mounts, false, MS_PRIVATE));
  if (mount(nullptr, mounts.c_str(), nullptr, MS_SHARED, nullptr) < 0) {
    return ErrnoStatus(errno, "cannot share the mount " + mounts);
  }
  return MountCopy(mounts, share, true, MS_SLAVE);
}

Status MountReadOnly(const std::string& source, const std::string& target) {
  return MountCopy(source, target, true, MS_PRIVATE);
}

Status UnmountBelow(const std::string& dir) {
  if (dir.size() < 2 || dir[0] != '/') return InvalidArgument("\"" + dir + "\" is no directory");
  SHOJI_ASSIGN_OR_RETURN(const std::string text, ReadFile("/proc/self/mountinfo"));
  std::vector<std::string> points;
  for (const std::string& line : Split(text, '\n')) {
    const auto fields = Split(line, ' ');
    if (fields.size() <= kMountPointField) continue;
    std::string point = Unescape(fields[kMountPointField]);
    if (point == dir || point.rfind(dir + "/", 0) == 0) points.push_back(std::move(point));
  }
  std::reverse(points.begin(), points.end());  // the last mounted first
  Status first;
  for (const std::string& point : points) {
    if (umount2(point.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) continue;
    if (errno == EINVAL || errno == ENOENT) continue;  // gone with another one
    if (first.ok()) first = ErrnoStatus(errno, "cannot unmount " + point);
  }
  return first;
}

}  // namespace shoji::cache
