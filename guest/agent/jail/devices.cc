#include "jail/devices.h"

#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "jail/plan.h"
#include "jail/resolve.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"

// The C library's macros of these names hide the message's fields.
#undef major
#undef minor

namespace shoji::jail {
namespace {

std::vector<DevicePlan> Defaults() {
  const auto node = [](const char* path, unsigned major, unsigned minor) {
    return DevicePlan{path, S_IFCHR, makedev(major, minor), 0666, 0, 0};
  };
  return {node("/dev/null", 1, 3),   node("/dev/zero", 1, 5),    node("/dev/full", 1, 7),
          node("/dev/random", 1, 8), node("/dev/urandom", 1, 9), node("/dev/tty", 5, 0)};
}

Result<DevicePlan> Parse(const grpc::LinuxDevice& device) {
  DevicePlan plan;
  plan.path = device.path();
  if (plan.path.empty() || plan.path[0] != '/')
    return InvalidArgument("linux.devices: path \"" + plan.path + "\" is not absolute");
  if (device.type() == "c" || device.type() == "u") {
    plan.type = S_IFCHR;
  } else if (device.type() == "b") {
    plan.type = S_IFBLK;
  } else if (device.type() == "p") {
    plan.type = S_IFIFO;
  } else {
    return InvalidArgument("linux.devices: type \"" + device.type() + "\" of \"" + plan.path +
                           "\" is not one of c, u, b, p");
  }
  if (plan.type != S_IFIFO) {
    plan.number =
        makedev(static_cast<unsigned>(device.major()), static_cast<unsigned>(device.minor()));
  }
  if (device.filemode() != 0) plan.mode = device.filemode() & 07777U;
  plan.uid = device.uid();
  plan.gid = device.gid();
  return plan;
}

bool IsThere(int dir, const std::string& name, const DevicePlan& device) {
  struct stat st {};
  return fstatat(dir, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 &&
         (st.st_mode & S_IFMT) == device.type &&
         (device.type == S_IFIFO || st.st_rdev == device.number);
}

Status BindFromGuest(int root_fd, const DevicePlan& device) {
  SHOJI_ASSIGN_OR_RETURN(const UniqueFd target, EnsureFile(root_fd, device.path));
  if (mount(device.path.c_str(), FdPath(target.get()).c_str(), nullptr, MS_BIND, nullptr) < 0)
    return ErrnoStatus(errno, "linux.devices: cannot bind \"" + device.path + "\"");
  return OkStatus();
}

// The type of the file system that device `number` is, as mountinfo names it.
std::string FileSystemOf(dev_t number) {
  const std::string wanted = " " + std::to_string(gnu_dev_major(number)) + ":" +
                             std::to_string(gnu_dev_minor(number)) + " ";
  const Result<std::string> mounts = ReadFile("/proc/self/mountinfo");
  for (const std::string& line : Split(mounts.ok() ? *mounts : std::string(), '\n')) {
    const std::size_t dash = line.find(" - ");
    if (dash == std::string::npos || line.find(wanted) > dash) continue;
    return line.substr(dash + 3, line.find(' ', dash + 3) - dash - 3);
  }
  return {};
}

// A directory of the host: a device made there would be one of the host, and could not be
// opened through the share anyway. (statfs tells the type of the host's file system.)
bool IsShared(int dir) {
  struct statfs fs {};
  if (fstatfs(dir, &fs) == 0 && fs.f_type == TMPFS_MAGIC) return false;
  struct stat st {};
  if (fstat(dir, &st) < 0) return false;
  const std::string type = FileSystemOf(st.st_dev);
  return type == "9p" || type == "virtiofs";
}

// Makes the node beside the guest's own and binds it over a plain file of the rootfs.
Status BindOwnNode(int root_fd, const DevicePlan& device) {
  const std::string node = "/dev/.shoji-" + std::to_string(getpid());
  SHOJI_ASSIGN_OR_RETURN(const UniqueFd target, EnsureFile(root_fd, device.path));
  if (mknod(node.c_str(), device.type | device.mode, device.number) < 0)
    return ErrnoStatus(errno, "linux.devices: cannot make \"" + device.path + "\" in the guest");
  Status status;
  if (chown(node.c_str(), device.uid, device.gid) < 0 ||
      mount(node.c_str(), FdPath(target.get()).c_str(), nullptr, MS_BIND, nullptr) < 0)
    status = ErrnoStatus(errno, "linux.devices: cannot bind \"" + device.path + "\"");
  unlink(node.c_str());
  return status;
}

// Where the last device was made: most lie beside each other.
struct Place {
  std::string path;
  ParentDir parent;
  bool again = false;  // the next one may lie here
  bool shared = false;
};

Status GoTo(int root_fd, const DevicePlan& device, Place* place) {
  const std::size_t slash = device.path.rfind('/');
  const std::string name = device.path.substr(slash + 1);
  const bool plain = !name.empty() && name != "." && name != "..";
  if (plain && place->again && device.path.compare(0, slash, place->path) == 0) {
    place->parent.name = name;
    return OkStatus();
  }
  SHOJI_ASSIGN_OR_RETURN(place->parent, EnsureParent(root_fd, device.path));
  place->path = device.path.substr(0, slash);
  place->again = plain;
  place->shared = IsShared(place->parent.fd.get());
  return OkStatus();
}

Status CreateDevice(int root_fd, const DevicePlan& device, Place* place) {
  SHOJI_RETURN_IF_ERROR(GoTo(root_fd, device, place));
  const ParentDir& parent = place->parent;
  const char* const name = parent.name.c_str();
  const int dir = parent.fd.get();
  if (place->shared) return BindOwnNode(root_fd, device);
  if (mknodat(dir, name, device.type | device.mode, device.number) < 0) {
    const int error = errno;
    if (IsThere(dir, parent.name, device)) return OkStatus();
    if (error == EPERM) return BindFromGuest(root_fd, device);
    return ErrnoStatus(error, "linux.devices: cannot make \"" + device.path + "\"");
  }
  if (device.uid == 0 && device.gid == 0) return OkStatus();
  if (fchownat(dir, name, device.uid, device.gid, AT_SYMLINK_NOFOLLOW) < 0)
    return ErrnoStatus(errno, "linux.devices: cannot set the owner of \"" + device.path + "\"");
  return OkStatus();
}

// An image may bring its own; then it stays.
Status CreateLinks(int root_fd) {
  constexpr struct {
    const char* name;
    const char* target;
  } kLinks[] = {{"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"},
                {"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"},
                {"core", "/proc/kcore"},       {"ptmx", "pts/ptmx"}};
  SHOJI_ASSIGN_OR_RETURN(const UniqueFd dev, EnsureDir(root_fd, "/dev", 0755));
  for (const auto& link : kLinks) {
    if (symlinkat(link.target, dev.get(), link.name) < 0 && errno != EEXIST)
      return ErrnoStatus(errno, "cannot make the link /dev/" + std::string(link.name));
  }
  return OkStatus();
}

}  // namespace

Result<std::vector<DevicePlan>> MakeDevices(const grpc::Spec& spec) {
  std::vector<DevicePlan> devices = Defaults();
  for (const grpc::LinuxDevice& device : spec.linux().devices()) {
    SHOJI_ASSIGN_OR_RETURN(DevicePlan plan, Parse(device));
    const auto same = std::find_if(devices.begin(), devices.end(),
                                   [&](const DevicePlan& d) { return d.path == plan.path; });
    if (same != devices.end()) {
      *same = std::move(plan);
    } else {
      devices.push_back(std::move(plan));
    }
  }
  return devices;
}

Status CreateDevices(int root_fd, const std::vector<DevicePlan>& devices) {
  Place place;
  for (const DevicePlan& device : devices)
    SHOJI_RETURN_IF_ERROR(CreateDevice(root_fd, device, &place));
  return CreateLinks(root_fd);
}

}  // namespace shoji::jail
