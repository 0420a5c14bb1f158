#include "boot/root_disk.h"

#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "shoji/base/deadline.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji::agent {
namespace {

constexpr char kMountPoint[] = "/.image";
constexpr std::chrono::seconds kPatience{10};
constexpr timespec kPause{0, 5'000'000};

std::string FeatureOf(const std::string& device) {
  return device.starts_with("/dev/pmem") ? "nvdimm" : "blk";
}

// A driver may find its disk a moment after it was loaded.
Status WaitForDevice(const std::string& device) {
  const Deadline deadline = Deadline::After(kPatience);
  while (!PathExists(device)) {
    if (deadline.passed()) return NotFound("the VM has no root disk " + device);
    nanosleep(&kPause, nullptr);
  }
  return OkStatus();
}

Status MountDisk(const RootDisk& disk) {
  if (mkdir(kMountPoint, 0700) < 0 && errno != EEXIST) {
    return ErrnoStatus(errno, std::string("cannot make ") + kMountPoint);
  }
  if (mount(disk.device.c_str(), kMountPoint, disk.type.c_str(), MS_RDONLY, disk.flags.c_str()) <
      0) {
    return ErrnoStatus(errno, "cannot mount " + disk.type + " of root disk " + disk.device);
  }
  return OkStatus();
}

Status BecomeInit() {
  if (chdir(kMountPoint) < 0 || access("init", X_OK) < 0) {
    return ErrnoStatus(errno, "the root disk has no program /init");
  }
  unlink("/init");  // its memory: the archive is unpacked into it
  if (mount(".", "/", nullptr, MS_MOVE, nullptr) < 0 || chroot(".") < 0 || chdir("/") < 0) {
    return ErrnoStatus(errno, "cannot make the root disk the root file system");
  }
  char name[] = "/init";
  char* const argv[] = {name, nullptr};
  execv(name, argv);
  return ErrnoStatus(errno, "cannot run /init of the root disk");
}

}  // namespace

RootDisk ParseRootDisk(std::string_view command_line) {
  RootDisk disk;
  for (const std::string& raw : Split(command_line, ' ')) {
    const std::string_view word = Trim(raw);
    const auto take = [word](std::string_view name, std::string& value) {
      if (word.starts_with(name)) value = word.substr(name.size());
    };
    take("root=", disk.device);
    take("rootfstype=", disk.type);
    take("rootflags=", disk.flags);
  }
  if (!disk.device.starts_with("/dev/")) disk.device.clear();
  return disk;
}

bool IsArchiveRoot() {
  struct statfs fs {};
  return statfs("/", &fs) == 0 && (fs.f_type == RAMFS_MAGIC || fs.f_type == TMPFS_MAGIC);
}

Status EnterRootDisk(std::string_view command_line, ModuleList* modules) {
  const RootDisk disk = ParseRootDisk(command_line);
  if (disk.device.empty() || !IsArchiveRoot()) return OkStatus();
  SHOJI_RETURN_IF_ERROR(modules->Load(FeatureOf(disk.device)));
  SHOJI_RETURN_IF_ERROR(modules->Load(disk.type));
  SHOJI_RETURN_IF_ERROR(WaitForDevice(disk.device));
  SHOJI_RETURN_IF_ERROR(MountDisk(disk));
  return BecomeInit();
}

}  // namespace shoji::agent
