#include "host/mount.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/vfs.h>

#include <cerrno>

#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"
#include "shoji/base/unique_fd.h"

namespace shoji {
namespace {

constexpr std::size_t kMountPointField = 4;

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

bool IsAtOrBelow(std::string_view path, std::string_view dir) {
  return path.substr(0, dir.size()) == dir &&
         (path.size() == dir.size() || path[dir.size()] == '/');
}

// Overlay's option string: ':' separates directories, ',' options.
std::string EscapeOverlay(const std::string& path) {
  std::string out;
  for (const char c : path) {
    if (c == '\\' || c == ':' || c == ',') out += '\\';
    out += c;
  }
  return out;
}

// A detached copy of the mounts at `source`; `recursive` is AT_RECURSIVE or 0.
Result<UniqueFd> CloneTree(const std::string& source, bool read_only, unsigned recursive,
                           unsigned long propagation) {
  UniqueFd tree(
      open_tree(AT_FDCWD, source.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive));
  if (!tree) return ErrnoStatus(errno, "cannot bind " + source);
  mount_attr attributes = {};
  attributes.propagation = propagation;
  if (read_only) attributes.attr_set = MOUNT_ATTR_RDONLY;
  if (mount_setattr(tree.get(), "", AT_EMPTY_PATH | recursive, &attributes, sizeof(attributes)) <
      0) {
    return ErrnoStatus(errno, "cannot set the mode of the bind mount of " + source);
  }
  return tree;
}

Status Attach(const UniqueFd& tree, const std::string& source, const std::string& target) {
  if (move_mount(tree.get(), "", AT_FDCWD, target.c_str(), MOVE_MOUNT_F_EMPTY_PATH) == 0) {
    return OkStatus();
  }
  return ErrnoStatus(errno, "cannot bind " + source + " on " + target);
}

}  // namespace

Result<MountPoint> MountPoint::Bind(const std::string& source, const std::string& target,
                                    bool read_only) {
  SHOJI_ASSIGN_OR_RETURN(const UniqueFd tree,
                         CloneTree(source, read_only, AT_RECURSIVE, MS_PRIVATE));
  SHOJI_RETURN_IF_ERROR(Attach(tree, source, target));
  return MountPoint(target);
}

Result<MountPoint> MountPoint::Follow(const std::string& source, const std::string& target) {
  SHOJI_ASSIGN_OR_RETURN(const UniqueFd tree, CloneTree(source, true, 0, MS_SLAVE));
  SHOJI_RETURN_IF_ERROR(Attach(tree, source, target));
  return MountPoint(target);
}

Result<MountPoint> MountPoint::Join(const std::string& source, const std::string& target) {
  // Without a word about propagation the copy is in the group of its original.
  const UniqueFd tree(open_tree(AT_FDCWD, source.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!tree) return ErrnoStatus(errno, "cannot bind " + source);
  SHOJI_RETURN_IF_ERROR(Attach(tree, source, target));
  return MountPoint(target);
}

Result<MountPoint> MountPoint::Overlay(const std::string& lower, const std::string& upper,
                                       const std::string& work, const std::string& target) {
  const std::string options = "lowerdir=" + EscapeOverlay(lower) +
                              ",upperdir=" + EscapeOverlay(upper) +
                              ",workdir=" + EscapeOverlay(work);
  return Overlay(options, target, false);
}

Result<MountPoint> MountPoint::Overlay(const std::string& options, const std::string& target,
                                       bool read_only) {
  const unsigned long flags = read_only ? MS_RDONLY : 0;
  if (mount("overlay", target.c_str(), "overlay", flags, options.c_str()) < 0) {
    return ErrnoStatus(errno, "cannot mount an overlay with \"" + options + "\" on " + target);
  }
  return MountPoint(target);
}

Result<MountPoint> MountPoint::Tmpfs(const std::string& target) {
  if (mount("tmpfs", target.c_str(), "tmpfs", MS_NOSUID, "mode=0700") < 0) {
    return ErrnoStatus(errno, "cannot mount a tmpfs on " + target);
  }
  return MountPoint(target);
}

void MountPoint::Unmount() {
  if (!target_.empty()) umount2(target_.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
  target_.clear();
}

Result<std::vector<std::string>> MountsBelow(const std::string& dir) {
  SHOJI_ASSIGN_OR_RETURN(const std::string text, ReadFile("/proc/self/mountinfo"));
  std::vector<std::string> out;
  for (const std::string& line : Split(text, '\n')) {
    const auto fields = Split(line, ' ');
    if (fields.size() <= kMountPointField) continue;
    std::string point = Unescape(fields[kMountPointField]);
    if (IsAtOrBelow(point, dir)) out.insert(out.begin(), std::move(point));
  }
  return out;
}

Status UnmountBelow(const std::string& dir) {
  SHOJI_ASSIGN_OR_RETURN(const auto points, MountsBelow(dir));
  Status first;
  for (const std::string& point : points) {
    if (umount2(point.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) continue;
    // Gone meanwhile: a parent took it along, or another collector was quicker.
    if (errno == EINVAL || errno == ENOENT) continue;
    if (first.ok()) first = ErrnoStatus(errno, "cannot unmount " + point);
  }
  return first;
}

bool IsTmpfs(const std::string& path) {
  struct statfs info = {};
  return statfs(path.c_str(), &info) == 0 && info.f_type == TMPFS_MAGIC;
}

}  // namespace shoji
