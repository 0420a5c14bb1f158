#include "host/world.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "jail/namespaces.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji::agent {
namespace {

constexpr int kCgroupTries = 16;
constexpr unsigned long kSafe = MS_NOSUID | MS_NODEV | MS_NOEXEC;
// Where the new root is made. What is mounted on it is seen by nobody else, and no share lies
// below it.
constexpr char kStage[] = "/proc";

struct FixedMount {
  const char* type;
  const char* target;  // below the new root
  unsigned long flags;
  const char* data;
};

// After the root's own and /dev. A host's /sys stays as it is whatever a guest is asked for.
constexpr std::array<FixedMount, 6> kMounts = {
    {{"proc", "proc", kSafe, nullptr},
     {"sysfs", "sys", kSafe | MS_RDONLY, nullptr},
     {"devpts", "dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,mode=0620,ptmxmode=0666,gid=5"},
     {"tmpfs", "dev/shm", kSafe, "mode=1777"},
     {"tmpfs", "run", MS_NOSUID | MS_NODEV, "mode=0755"},
     {"tmpfs", "tmp", MS_NOSUID | MS_NODEV, "mode=1777"}}};

Status Fail(const std::string& what) { return ErrnoStatus(errno, what); }

// Whoever removes empty cgroups may take one away between its making and the first process.
Status JoinCgroup(const std::string& dir) {
  Status failed;
  for (int i = 0; i < kCgroupTries; ++i) {
    failed = MakeDirs(dir);
    const UniqueFd procs(open((dir + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
    if (procs && write(procs.get(), "0", 1) == 1) return OkStatus();
    const int error = errno;
    if (failed.ok()) failed = ErrnoStatus(error, "cannot enter the cgroup " + dir);
    if (error != ENOENT && error != ENODEV) break;
  }
  return failed;
}

// Where the host lets it have controllers, so may the containers.
void OfferControllers(const std::string& dir) {
  const auto offered = ReadFile(dir + "/cgroup.controllers");
  if (!offered.ok()) return;
  for (const std::string& name : Split(Trim(*offered), ' ')) {
    if (!name.empty()) (void)WriteFile(dir + "/cgroup.subtree_control", "+" + name).ok();
  }
}

// The agent in a group of its own: one with processes in it cannot have groups with limits.
Status EnterCgroup(const std::string& dir) {
  if (dir.empty()) return OkStatus();
  SHOJI_RETURN_IF_ERROR(JoinCgroup(dir));
  if (unshare(CLONE_NEWCGROUP) < 0) return Fail("cannot make a cgroup namespace");
  SHOJI_RETURN_IF_ERROR(JoinCgroup(dir + "/agent"));
  OfferControllers(dir);
  return OkStatus();
}

Status Receive(const char* path) {
  if (mount(nullptr, path, nullptr, MS_REC | MS_SLAVE, nullptr) == 0) return OkStatus();
  return Fail("cannot cut the mounts off the host's");
}

// Mounts of the host go on to arrive, in the shares too; ours stay here.
Status CutOff() {
  if (Receive("/").ok()) return OkStatus();
  if (errno != EINVAL) return Fail("cannot cut the mounts off the host's");
  // The root is a plain directory (a chroot): "/.." steps into what is mounted over it.
  if (mount("/", "/", nullptr, MS_BIND | MS_REC, nullptr) < 0 || chdir("/..") < 0 ||
      chroot(".") < 0) {
    return Fail("cannot make the root a mount point of its own");
  }
  return Receive("/");
}

Status MountShare(const HostShare& share) {
  const std::string target = std::string(kStage) + kShareRoot + "/" + share.tag;
  SHOJI_RETURN_IF_ERROR(MakeDirs(target));
  if (mount(share.path.c_str(), target.c_str(), nullptr, MS_BIND | MS_REC, nullptr) < 0) {
    return Fail("cannot show share \"" + share.tag + "\" (" + share.path + ")");
  }
  const unsigned long ro = MS_REMOUNT | MS_BIND | MS_RDONLY;
  if (share.read_only && mount(nullptr, target.c_str(), nullptr, ro, nullptr) < 0) {
    return Fail("cannot make share \"" + share.tag + "\" read-only");
  }
  return OkStatus();
}

Status MountFixed(const FixedMount& entry) {
  const std::string target = std::string(kStage) + "/" + entry.target;
  SHOJI_RETURN_IF_ERROR(MakeDirs(target));
  if (mount(entry.type, target.c_str(), entry.type, entry.flags, entry.data) < 0) {
    return Fail(std::string("cannot mount ") + entry.type + " on /" + entry.target);
  }
  return OkStatus();
}

Status MountAll(const HostOptions& options) {
  if (mount("tmpfs", kStage, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0) {
    return Fail("cannot mount a root in memory");
  }
  const std::string stage = kStage;
  for (const char* dir : {"/dev", "/etc", kShareRoot}) SHOJI_RETURN_IF_ERROR(MakeDirs(stage + dir));
  if (mount("/dev", (stage + "/dev").c_str(), nullptr, MS_BIND, nullptr) < 0) {
    return Fail("cannot show the host's /dev");
  }
  for (const FixedMount& entry : kMounts) SHOJI_RETURN_IF_ERROR(MountFixed(entry));
  if (!options.cgroup.empty()) {
    SHOJI_RETURN_IF_ERROR(MountFixed({"cgroup2", "sys/fs/cgroup", kSafe, nullptr}));
  }
  return OkStatus();
}

Status SwitchRoot() {
  if (chdir(kStage) < 0) return Fail("cannot enter the new root");
  // With the same directory twice the old root ends up over the new one, and is taken off it.
  if (syscall(SYS_pivot_root, ".", ".") == 0) {
    if (umount2(".", MNT_DETACH) < 0) return Fail("cannot leave the host's root");
  } else if (errno != EINVAL || mount(".", "/", nullptr, MS_MOVE, nullptr) < 0 || chroot(".") < 0) {
    return Fail("cannot make the new root \"/\"");
  }
  return chdir("/") == 0 ? OkStatus() : Fail("cannot enter \"/\"");
}

}  // namespace

Status EnterWorld(const HostOptions& options) {
  umask(0);
  SHOJI_RETURN_IF_ERROR(EnterCgroup(options.cgroup));
  SHOJI_RETURN_IF_ERROR(CutOff());
  SHOJI_RETURN_IF_ERROR(MountAll(options));
  for (const HostShare& share : options.shares) SHOJI_RETURN_IF_ERROR(MountShare(share));
  SHOJI_RETURN_IF_ERROR(SwitchRoot());
  umask(022);
  if (!options.hostname.empty() &&
      sethostname(options.hostname.data(), options.hostname.size()) < 0) {
    return Fail("cannot set the host name \"" + options.hostname + "\"");
  }
  return jail::RaiseLoopback();
}

Status RemoveCgroup(const std::string& dir) {
  if (rmdir(dir.c_str()) == 0 || errno == ENOENT) return OkStatus();
  if (const auto names = ListDir(dir); names.ok()) {
    for (const std::string& name : *names) {
      struct stat info {};
      const std::string child = dir + "/" + name;
      if (lstat(child.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) (void)RemoveCgroup(child).ok();
    }
  }
  if (rmdir(dir.c_str()) == 0 || errno == ENOENT) return OkStatus();
  if (errno == EBUSY) return FailedPrecondition("cgroup " + dir + " still has processes");
  return Fail("cannot remove the cgroup " + dir);
}

}  // namespace shoji::agent
