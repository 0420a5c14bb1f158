#include "host_check.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <set>

#include "host_facts.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"
#include "shoji/base/unique_fd.h"
#include "table.h"

namespace shoji::cli {
namespace {

using enum CheckLevel;

// What an open sandbox needs: sockets, pipes and files of each container.
constexpr rlim_t kFewestFiles = 1024;
constexpr rlim_t kFewestProcesses = 512;

CheckLine Device(const std::string& prefix, const std::string& path, const std::string& module,
                 const std::string& use) {
  if (!PathExists(prefix + path)) {
    return {path, kWarning, "is not there; " + use, "modprobe " + module};
  }
  const UniqueFd fd(open((prefix + path).c_str(), O_RDWR | O_CLOEXEC));
  if (fd) return {path, kOk, "opens", ""};
  return {path, kWarning, "cannot be opened: " + ErrnoText(errno) + "; " + use,
          "run as root, or get the right to open " + path};
}

// The second word of a line of /proc/filesystems ("nodev\toverlay") or the only one ("\text4").
CheckLine Overlay(const std::string& prefix) {
  const auto text = ReadFile(prefix + "/proc/filesystems");
  if (text.ok()) {
    for (const std::string& line : Split(*text, '\n')) {
      if (line.substr(line.find('\t') + 1) == "overlay") {
        return {"overlayfs", kOk, "known to the kernel", ""};
      }
    }
  }
  return {"overlayfs", kWarning, "the kernel does not know it; ephemeral root file systems need it",
          "modprobe overlay"};
}

CheckLine Cgroups(const std::string& prefix) {
  const std::string kind = CgroupKind(prefix);
  if (!kind.empty()) return {"control groups", kOk, kind, ""};
  return {"control groups", kWarning,
          "none are mounted; the VM's processes cannot be limited on the host",
          "mount -t cgroup2 none /sys/fs/cgroup"};
}

CheckLine Memory(const std::string& prefix, std::uint64_t vm_memory) {
  const std::uint64_t free = MemInfo(prefix, "MemAvailable");
  if (free == 0) return {"free memory", kWarning, "/proc/meminfo does not tell it", "mount /proc"};
  std::string detail = Mebibytes(static_cast<std::int64_t>(free)) + " available";
  if (vm_memory != 0) detail += ", " + FormatBytes(vm_memory) + " for each VM";
  if (free >= vm_memory) return {"free memory", kOk, detail, ""};
  return {"free memory", kWarning, detail, "end other programs, or set the VMs' memory lower"};
}

std::string LimitText(rlim_t value) {
  return value == RLIM_INFINITY ? std::string("unlimited") : std::to_string(value);
}

CheckLine Limit(const std::string& item, __rlimit_resource_t resource, rlim_t fewest,
                const std::string& flag, CheckLevel too_few) {
  struct rlimit limit = {};
  if (getrlimit(resource, &limit) != 0) {
    return {item, kWarning, "cannot be read: " + ErrnoText(errno), ""};
  }
  const std::string detail = LimitText(limit.rlim_cur);
  if (limit.rlim_cur >= fewest) return {item, kOk, detail, ""};
  return {item, too_few, detail + ", fewer than " + std::to_string(fewest),
          "ulimit " + flag + " " + std::to_string(fewest)};
}

CheckLine User() {
  if (geteuid() == 0) return {"user", kOk, "root", ""};
  return {"user", kWarning, "uid " + std::to_string(geteuid()) + "; mounts and networks need root",
          "run as root"};
}

}  // namespace

CheckLines CheckHost(const std::string& prefix, std::uint64_t vm_memory) {
  return {
      User(),
      Device(prefix, "/dev/vhost-vsock", "vhost_vsock", "needed by agents on vsock only"),
      Device(prefix, "/dev/vhost-net", "vhost_net", "networks are slower without it"),
      Device(prefix, "/dev/net/tun", "tun", "sandboxes cannot have a network without it"),
      Overlay(prefix),
      Cgroups(prefix),
      Memory(prefix, vm_memory),
      Limit("open files", RLIMIT_NOFILE, kFewestFiles, "-n", kWarning),
      Limit("processes", RLIMIT_NPROC, kFewestProcesses, "-u", kWarning),
      Limit("address space", RLIMIT_AS, vm_memory, "-v", kFailed),
  };
}

}  // namespace shoji::cli
