#include "jail/masks.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "jail/resolve.h"
#include "shoji/base/errno.h"

namespace shoji::jail {
namespace {

// Without a descriptor and without an error when there is no such path.
Result<UniqueFd> OpenIfThere(int root_fd, const std::string& path) {
  Result<UniqueFd> fd = OpenInRoot(root_fd, path, O_PATH);
  if (fd.ok()) return fd;
  const int error = fd.status().sys_errno();
  if (error == ENOENT || error == ENOTDIR) return UniqueFd();
  return fd;
}

}  // namespace

// False with errno.
bool Masks::CoverDir(const std::string& path, const std::string& target) {
  if (empty_)
    return mount(FdPath(empty_.get()).c_str(), target.c_str(), nullptr, MS_BIND, nullptr) == 0;
  if (mount("tmpfs", target.c_str(), "tmpfs", MS_RDONLY, "size=4k,mode=755") < 0) return false;
  Result<UniqueFd> top = OpenInRoot(root_fd_, path, O_PATH | O_DIRECTORY);
  if (top.ok()) empty_ = *std::move(top);
  return true;
}

Status Masks::Cover(const std::string& path) {
  SHOJI_ASSIGN_OR_RETURN(const UniqueFd fd, OpenIfThere(root_fd_, path));
  if (!fd) return OkStatus();
  struct stat st {};
  if (fstat(fd.get(), &st) < 0) return ErrnoStatus(errno, "linux.maskedPaths: \"" + path + "\"");
  const std::string target = FdPath(fd.get());
  const bool covered = S_ISDIR(st.st_mode)
                           ? CoverDir(path, target)
                           : mount("/dev/null", target.c_str(), nullptr, MS_BIND, nullptr) == 0;
  if (!covered) return ErrnoStatus(errno, "linux.maskedPaths: cannot mask \"" + path + "\"");
  return OkStatus();
}

// Read-only before it is anywhere, so that nothing is looked up twice.
Status ReadonlyPath(int root_fd, const std::string& path) {
  SHOJI_ASSIGN_OR_RETURN(const UniqueFd fd, OpenIfThere(root_fd, path));
  if (!fd) return OkStatus();
  constexpr unsigned kCopy = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE;
  const UniqueFd copy(static_cast<int>(syscall(SYS_open_tree, fd.get(), "", kCopy)));
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  constexpr unsigned kBoth = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  if (copy &&
      syscall(SYS_mount_setattr, copy.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) ==
          0 &&
      syscall(SYS_move_mount, copy.get(), "", fd.get(), "", kBoth) == 0)
    return OkStatus();
  return ErrnoStatus(errno, "linux.readonlyPaths: cannot bind \"" + path + "\" read-only");
}

}  // namespace shoji::jail
