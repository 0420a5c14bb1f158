#include "jail/caps.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <iterator>
#include <string>

#include "shoji/base/errno.h"

namespace shoji::jail {
namespace {

constexpr std::string_view kNames[] = {"CHOWN",
                                       "DAC_OVERRIDE",
                                       "DAC_READ_SEARCH",
                                       "FOWNER",
                                       "FSETID",
                                       "KILL",
                                       "SETGID",
                                       "SETUID",
                                       "SETPCAP",
                                       "LINUX_IMMUTABLE",
                                       "NET_BIND_SERVICE",
                                       "NET_BROADCAST",
                                       "NET_ADMIN",
                                       "NET_RAW",
                                       "IPC_LOCK",
                                       "IPC_OWNER",
                                       "SYS_MODULE",
                                       "SYS_RAWIO",
                                       "SYS_CHROOT",
                                       "SYS_PTRACE",
                                       "SYS_PACCT",
                                       "SYS_ADMIN",
                                       "SYS_BOOT",
                                       "SYS_NICE",
                                       "SYS_RESOURCE",
                                       "SYS_TIME",
                                       "SYS_TTY_CONFIG",
                                       "MKNOD",
                                       "LEASE",
                                       "AUDIT_WRITE",
                                       "AUDIT_CONTROL",
                                       "SETFCAP",
                                       "MAC_OVERRIDE",
                                       "MAC_ADMIN",
                                       "SYSLOG",
                                       "WAKE_ALARM",
                                       "BLOCK_SUSPEND",
                                       "AUDIT_READ",
                                       "PERFMON",
                                       "BPF",
                                       "CHECKPOINT_RESTORE"};

bool KernelKnows(int number) { return prctl(PR_CAPBSET_READ, number, 0, 0, 0) >= 0; }

template <typename Names>
Result<std::uint64_t> ParseSet(const Names& names, std::string_view field) {
  std::uint64_t set = 0;
  for (const std::string& name : names) {
    const int number = CapNumber(name);
    if (number < 0) {
      return InvalidArgument("process.capabilities." + std::string(field) + ": \"" + name +
                             "\" is not a capability");
    }
    if (KernelKnows(number)) set |= std::uint64_t{1} << static_cast<unsigned>(number);
  }
  return set;
}

using CapData = std::array<__user_cap_data_struct, 2>;

Status SetCaps(const CapData& data, std::string_view what) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  if (syscall(SYS_capset, &header, data.data()) < 0) return ErrnoStatus(errno, what);
  return OkStatus();
}

std::uint32_t Low(std::uint64_t set) { return static_cast<std::uint32_t>(set); }
std::uint32_t High(std::uint64_t set) { return static_cast<std::uint32_t>(set >> 32U); }

Status RaiseAmbient(std::uint64_t ambient) {
  // Emptied first: Exec's process may inherit some from the agent.
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
    return ErrnoStatus(errno, "cannot empty the ambient capabilities");
  for (unsigned number = 0; number < 64; ++number) {
    if (((ambient >> number) & 1U) == 0) continue;
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0) < 0) {
      return ErrnoStatus(errno, "process.capabilities.ambient: cannot raise CAP_" +
                                    std::string(kNames[number]) +
                                    " (it must be permitted and inheritable)");
    }
  }
  return OkStatus();
}

}  // namespace

int CapNumber(std::string_view name) {
  constexpr std::string_view kPrefix = "CAP_";
  if (name.substr(0, kPrefix.size()) != kPrefix) return -1;
  name.remove_prefix(kPrefix.size());
  for (std::size_t i = 0; i < std::size(kNames); ++i) {
    if (kNames[i] == name) return static_cast<int>(i);
  }
  return -1;
}

Result<CapSets> ParseCaps(const grpc::LinuxCapabilities& caps) {
  CapSets sets;
  SHOJI_ASSIGN_OR_RETURN(sets.bounding, ParseSet(caps.bounding(), "bounding"));
  SHOJI_ASSIGN_OR_RETURN(sets.effective, ParseSet(caps.effective(), "effective"));
  SHOJI_ASSIGN_OR_RETURN(sets.inheritable, ParseSet(caps.inheritable(), "inheritable"));
  SHOJI_ASSIGN_OR_RETURN(sets.permitted, ParseSet(caps.permitted(), "permitted"));
  SHOJI_ASSIGN_OR_RETURN(sets.ambient, ParseSet(caps.ambient(), "ambient"));
  return sets;
}

Status DropBounding(const CapSets& caps) {
  for (unsigned number = 0; number < std::size(kNames) + 8; ++number) {
    if (((caps.bounding >> number) & 1U) != 0) continue;
    if (prctl(PR_CAPBSET_DROP, number, 0, 0, 0) == 0) continue;
    if (errno == EINVAL) return OkStatus();  // past the kernel's last one
    return ErrnoStatus(
        errno, "cannot drop capability " + std::to_string(number) + " from the bounding set");
  }
  return OkStatus();
}

Status RaiseEffective(std::uint64_t wanted) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  CapData data{};
  if (syscall(SYS_capget, &header, data.data()) < 0)
    return ErrnoStatus(errno, "cannot read the capabilities of the process");
  data[0].effective |= data[0].permitted & Low(wanted);
  data[1].effective |= data[1].permitted & High(wanted);
  return SetCaps(data, "cannot raise the permitted capabilities");
}

Status ApplyCaps(const CapSets& caps) {
  CapData data{};
  data[0] = {Low(caps.effective), Low(caps.permitted), Low(caps.inheritable)};
  data[1] = {High(caps.effective), High(caps.permitted), High(caps.inheritable)};
  SHOJI_RETURN_IF_ERROR(
      SetCaps(data, "process.capabilities: cannot set them (effective must be within permitted)"));
  return RaiseAmbient(caps.ambient);
}

}  // namespace shoji::jail
