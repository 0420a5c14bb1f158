#include "boot/init.h"

#include <fcntl.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "boot/root_disk.h"
#include "log.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/unique_fd.h"

namespace shoji::agent {
namespace {

struct FixedMount {
  const char* type;
  const char* target;
  unsigned long flags;
  const char* data;
};

constexpr unsigned long kSafe = MS_NOSUID | MS_NODEV | MS_NOEXEC;

Status MountFixed(const FixedMount& entry) {
  SHOJI_RETURN_IF_ERROR(MakeDirs(entry.target));
  if (mount(entry.type, entry.target, entry.type, entry.flags, entry.data) < 0) {
    return ErrnoStatus(errno, std::string("cannot mount ") + entry.type + " on " + entry.target);
  }
  return OkStatus();
}

Status MoveRoot() {
  constexpr char kNewRoot[] = "/.root";
  if (mkdir(kNewRoot, 0700) < 0 && errno != EEXIST) return ErrnoStatus(errno, "cannot make /.root");
  if (mount("/", kNewRoot, nullptr, MS_BIND, nullptr) < 0 || chdir(kNewRoot) < 0 ||
      mount(".", "/", nullptr, MS_MOVE, nullptr) < 0 || chroot(".") < 0 || chdir("/") < 0) {
    return ErrnoStatus(errno, "cannot move the root file system");
  }
  rmdir(kNewRoot);
  return OkStatus();
}

// The kernel could not open a console for us when its driver is a module; its log is
// always there, and goes to every console that appears later.
Status OpenStandardDescriptors() {
  const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  const UniqueFd log(open("/dev/kmsg", O_WRONLY | O_CLOEXEC));
  if (!null || !log) return ErrnoStatus(errno, "cannot open /dev/null and /dev/kmsg");
  // Copies above the standard numbers first: one of the two may have got such a number.
  const UniqueFd high_null(fcntl(null.get(), F_DUPFD_CLOEXEC, 10));
  const UniqueFd high_log(fcntl(log.get(), F_DUPFD_CLOEXEC, 10));
  if (dup2(high_null.get(), STDIN_FILENO) < 0 || dup2(high_null.get(), STDOUT_FILENO) < 0 ||
      dup2(high_log.get(), STDERR_FILENO) < 0) {
    return ErrnoStatus(errno, "cannot set the standard descriptors");
  }
  return OkStatus();
}

Status LinkStandardDescriptors() {
  constexpr std::array<std::array<const char*, 2>, 4> kLinks = {
      {{"/proc/self/fd", "/dev/fd"},
       {"/proc/self/fd/0", "/dev/stdin"},
       {"/proc/self/fd/1", "/dev/stdout"},
       {"/proc/self/fd/2", "/dev/stderr"}}};
  for (const auto& [target, link] : kLinks) {
    if (symlink(target, link) < 0 && errno != EEXIST) {
      return ErrnoStatus(errno, std::string("cannot make ") + link);
    }
  }
  return OkStatus();
}

Status BringUpLoopback() {
  const UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::memcpy(request.ifr_name, "lo", 3);
  if (!fd || ioctl(fd.get(), SIOCGIFFLAGS, &request) < 0) {
    return ErrnoStatus(errno, "cannot read the state of network device lo");
  }
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  if (ioctl(fd.get(), SIOCSIFFLAGS, &request) < 0) {
    return ErrnoStatus(errno, "cannot bring up network device lo");
  }
  return OkStatus();
}

// The most the kernel takes: an engine passes on the host's limit of open files, which is often
// above the kernel's default for any process.
Status RaiseFileLimit() { return WriteFile("/proc/sys/fs/nr_open", "2147483584"); }

}  // namespace

Status PrepareRoot() {
  umask(0);
  // A root disk was moved here by who started us.
  if (IsArchiveRoot()) SHOJI_RETURN_IF_ERROR(MoveRoot());
  constexpr std::array<FixedMount, 3> kMounts = {{{"devtmpfs", "/dev", MS_NOSUID, nullptr},
                                                  {"sysfs", "/sys", kSafe, nullptr},
                                                  {"proc", "/proc", kSafe, nullptr}}};
  for (const FixedMount& entry : kMounts) SHOJI_RETURN_IF_ERROR(MountFixed(entry));
  umask(022);
  return OpenStandardDescriptors();
}

Status PrepareForContainers() {
  constexpr std::array<FixedMount, 5> kMounts = {
      {{"devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "mode=0620,ptmxmode=0666,gid=5"},
       {"tmpfs", "/dev/shm", kSafe, "mode=1777"},
       {"cgroup2", "/sys/fs/cgroup", kSafe, nullptr},
       {"tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755"},
       {"tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777"}}};
  Status first;
  const auto note = [&first](Status status) {
    if (first.ok()) first = std::move(status);
  };
  for (const FixedMount& entry : kMounts) note(MountFixed(entry));
  note(LinkStandardDescriptors());
  note(BringUpLoopback());
  note(RaiseFileLimit());
  return first;
}

void PowerOff(const Status& why) {
  Log(LogLevel::kFatal, "the VM ends: " + why.message());
  sync();
  reboot(RB_POWER_OFF);
  _exit(1);  // without the right to power off; as PID 1 the kernel panics, which is seen too
}

}  // namespace shoji::agent
