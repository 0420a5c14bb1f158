#include "jail/pivot.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "shoji/base/errno.h"

namespace shoji::jail {
namespace {

// The kernel's first root (an initramfs) cannot be pivoted away: it is covered instead.
Status MoveOver() {
  if (mount(".", "/", nullptr, MS_MOVE, nullptr) < 0)
    return ErrnoStatus(errno, "cannot move the container's root over \"/\"");
  if (chroot(".") < 0) return ErrnoStatus(errno, "cannot enter the container's root");
  return OkStatus();
}

Status Swap() {
  // With the same directory twice the old root ends up mounted over the new one, and no
  // directory inside the image is needed for it.
  if (syscall(SYS_pivot_root, ".", ".") < 0) {
    if (errno == EINVAL) return MoveOver();
    return ErrnoStatus(errno, "cannot pivot to the container's root");
  }
  if (umount2(".", MNT_DETACH) < 0) return ErrnoStatus(errno, "cannot detach the guest's root");
  return OkStatus();
}

}  // namespace

Result<UniqueFd> OpenRoot(const Plan& plan) {
  const bool cut = (plan.propagation & MS_PRIVATE) != 0;
  if (mount(nullptr, "/", nullptr, MS_REC | (cut ? MS_PRIVATE : MS_SLAVE), nullptr) < 0)
    return ErrnoStatus(errno, "cannot cut the container's mounts off the guest's");
  const char* const path = plan.rootfs.c_str();
  if (mount(path, path, nullptr, MS_BIND | MS_REC, nullptr) < 0)
    return ErrnoStatus(errno, "root.path: cannot bind \"" + plan.rootfs + "\"");
  UniqueFd fd(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, "root.path: cannot open \"" + plan.rootfs + "\"");
  return fd;
}

Status PivotTo(int root_fd, unsigned long propagation) {
  if (fchdir(root_fd) < 0) return ErrnoStatus(errno, "cannot enter the container's root");
  SHOJI_RETURN_IF_ERROR(Swap());
  if (chdir("/") < 0) return ErrnoStatus(errno, "cannot enter \"/\" of the container");
  if (propagation != 0 && mount(nullptr, "/", nullptr, propagation, nullptr) < 0)
    return ErrnoStatus(errno, "linux.rootfsPropagation: cannot set it");
  return OkStatus();
}

}  // namespace shoji::jail
