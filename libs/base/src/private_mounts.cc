#include "shoji/base/private_mounts.h"

#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>

#include "shoji/base/errno.h"

namespace shoji {

Status MakeMountsPrivate() {
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0) return OkStatus();
  if (errno != EINVAL) return ErrnoStatus(errno, "cannot make the mounts private");
  // "/.." steps into what is mounted over the root; "/" alone would not.
  if (mount("/", "/", nullptr, MS_BIND | MS_REC, nullptr) < 0 || chdir("/..") < 0 ||
      chroot(".") < 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0) {
    return ErrnoStatus(errno, "cannot make the root a mount point of its own");
  }
  return OkStatus();
}

}  // namespace shoji
