#include "jail/masks.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>

#include "jail/mounts.h"
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

Status MaskPath(int root_fd, const std::string& path) {
  SHOJI_ASSIGN_OR_RETURN(const UniqueFd fd, OpenIfThere(root_fd, path));
  if (!fd) return OkStatus();
  struct stat st {};
  if (fstat(fd.get(), &st) < 0) return ErrnoStatus(errno, "linux.maskedPaths: \"" + path + "\"");
  const std::string target = FdPath(fd.get());
  const int result = S_ISDIR(st.st_mode)
                         ? mount("tmpfs", target.c_str(), "tmpfs", MS_RDONLY, "size=4k,mode=755")
                         : mount("/dev/null", target.c_str(), nullptr, MS_BIND, nullptr);
  if (result < 0) return ErrnoStatus(errno, "linux.maskedPaths: cannot mask \"" + path + "\"");
  return OkStatus();
}

Status ReadonlyPath(int root_fd, const std::string& path) {
  SHOJI_ASSIGN_OR_RETURN(const UniqueFd fd, OpenIfThere(root_fd, path));
  if (!fd) return OkStatus();
  const std::string itself = FdPath(fd.get());
  if (mount(itself.c_str(), itself.c_str(), nullptr, MS_BIND | MS_REC, nullptr) < 0)
    return ErrnoStatus(errno, "linux.readonlyPaths: cannot bind \"" + path + "\"");
  SHOJI_ASSIGN_OR_RETURN(const UniqueFd top, OpenInRoot(root_fd, path, O_PATH));
  return AddMountFlags(top.get(), MS_RDONLY).WithContext("linux.readonlyPaths: \"" + path + "\"");
}

}  // namespace shoji::jail
