#include "host_root.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"
#include "shoji/base/unique_fd.h"

namespace shoji::shim {

namespace {

struct Volume {
  std::string source;
  std::string destination;
  bool read_only = false;
};

Result<std::vector<Volume>> VolumesOf(const std::string& mounts, const std::string& container) {
  std::vector<Volume> out;
  const std::string path = mounts + "/" + container + "/volumes";
  if (!PathExists(path)) return out;
  SHOJI_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  const std::vector<std::string> words = Split(text, '\0');
  for (std::size_t i = 0; i + 2 < words.size(); i += 3) {
    out.push_back({mounts + "/" + words[i], words[i + 1], words[i + 2] == "ro"});
  }
  return out;
}

// Links of the image lead nowhere but into it.
UniqueFd OpenInside(int root, const std::string& path) {
  struct open_how how = {};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  return UniqueFd(static_cast<int>(syscall(SYS_openat2, root, path.c_str(), &how, sizeof how)));
}

std::string PathOf(const UniqueFd& fd) { return "/proc/self/fd/" + std::to_string(fd.get()); }

Status Bind(const std::string& source, const std::string& target, const std::string& name) {
  if (mount(source.c_str(), target.c_str(), nullptr, MS_BIND | MS_REC, nullptr) == 0) {
    return OkStatus();
  }
  return ErrnoStatus(errno, "cannot show " + source + " as " + name);
}

// What the guest mounts over memory of its own has no place here, and is left out.
Status AddVolume(int root, const Volume& volume) {
  const UniqueFd target = OpenInside(root, volume.destination);
  if (!target) return OkStatus();
  SHOJI_RETURN_IF_ERROR(Bind(volume.source, PathOf(target), volume.destination));
  if (!volume.read_only) return OkStatus();
  const UniqueFd made = OpenInside(root, volume.destination);  // the mount that is there now
  if (made && mount(nullptr, PathOf(made).c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY,
                    nullptr) == 0) {
    return OkStatus();
  }
  return ErrnoStatus(errno, "cannot make " + volume.destination + " read-only");
}

// Who comes here looks for /proc/self. Ours shows our namespace, so nobody but us.
Status AddProc(int root) {
  const UniqueFd target = OpenInside(root, "proc");
  if (!target) return OkStatus();
  const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  if (mount("proc", PathOf(target).c_str(), "proc", flags, nullptr) == 0) return OkStatus();
  return ErrnoStatus(errno, "cannot mount proc for the container's files");
}

Status Pivot(int root) {
  const bool done = fchdir(root) == 0 && syscall(SYS_pivot_root, ".", ".") == 0 &&
                    umount2(".", MNT_DETACH) == 0 && chdir("/") == 0;
  return done ? OkStatus() : ErrnoStatus(errno, "cannot make the container's files our root");
}

}  // namespace

Status EnterHostRoot(const std::string& sandbox_dir, const std::string& container_id) {
  const std::string mounts = sandbox_dir + "/mounts";
  const std::string rootfs = mounts + "/" + container_id + "/rootfs";
  if (!PathExists(rootfs)) return OkStatus();
  SHOJI_ASSIGN_OR_RETURN(const std::vector<Volume> volumes, VolumesOf(mounts, container_id));
  if (unshare(CLONE_NEWNS) < 0) return ErrnoStatus(errno, "cannot make a mount namespace");
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0) {
    return ErrnoStatus(errno, "cannot make our mounts our own");
  }
  SHOJI_RETURN_IF_ERROR(Bind(rootfs, rootfs, "our root"));
  const UniqueFd root(open(rootfs.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return ErrnoStatus(errno, "cannot open " + rootfs);
  for (const Volume& volume : volumes) SHOJI_RETURN_IF_ERROR(AddVolume(root.get(), volume));
  SHOJI_RETURN_IF_ERROR(AddProc(root.get()));
  return Pivot(root.get());
}

}  // namespace shoji::shim
