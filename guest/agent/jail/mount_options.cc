#include "jail/mount_options.h"

#include <sys/mount.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <iterator>

namespace shoji::jail {
namespace {

constexpr unsigned long kAtimeModes = MS_NOATIME | MS_RELATIME | MS_STRICTATIME;

struct FlagOption {
  std::string_view name;
  unsigned long set;
  unsigned long clear;
};

constexpr FlagOption kFlags[] = {
    {"defaults", 0, 0},
    {"ro", MS_RDONLY, 0},
    {"rw", 0, MS_RDONLY},
    {"nosuid", MS_NOSUID, 0},
    {"suid", 0, MS_NOSUID},
    {"nodev", MS_NODEV, 0},
    {"dev", 0, MS_NODEV},
    {"noexec", MS_NOEXEC, 0},
    {"exec", 0, MS_NOEXEC},
    {"sync", MS_SYNCHRONOUS, 0},
    {"async", 0, MS_SYNCHRONOUS},
    {"dirsync", MS_DIRSYNC, 0},
    {"mand", MS_MANDLOCK, 0},
    {"nomand", 0, MS_MANDLOCK},
    {"atime", 0, MS_NOATIME},
    {"noatime", MS_NOATIME, kAtimeModes},
    {"diratime", 0, MS_NODIRATIME},
    {"nodiratime", MS_NODIRATIME, 0},
    {"relatime", MS_RELATIME, kAtimeModes},
    {"norelatime", 0, MS_RELATIME},
    {"strictatime", MS_STRICTATIME, kAtimeModes},
    {"nostrictatime", 0, MS_STRICTATIME},
    {"lazytime", MS_LAZYTIME, 0},
    {"nolazytime", 0, MS_LAZYTIME},
    {"iversion", MS_I_VERSION, 0},
    {"noiversion", 0, MS_I_VERSION},
    {"nosymfollow", MS_NOSYMFOLLOW, 0},
    {"symfollow", 0, MS_NOSYMFOLLOW},
    {"silent", MS_SILENT, 0},
    {"loud", 0, MS_SILENT},
};

struct AttributeOption {
  std::string_view name;
  std::uint64_t set;
  std::uint64_t clear;
};

constexpr AttributeOption kAttributes[] = {
    {"rro", MOUNT_ATTR_RDONLY, 0},
    {"rrw", 0, MOUNT_ATTR_RDONLY},
    {"rnosuid", MOUNT_ATTR_NOSUID, 0},
    {"rsuid", 0, MOUNT_ATTR_NOSUID},
    {"rnodev", MOUNT_ATTR_NODEV, 0},
    {"rdev", 0, MOUNT_ATTR_NODEV},
    {"rnoexec", MOUNT_ATTR_NOEXEC, 0},
    {"rexec", 0, MOUNT_ATTR_NOEXEC},
    {"rnodiratime", MOUNT_ATTR_NODIRATIME, 0},
    {"rdiratime", 0, MOUNT_ATTR_NODIRATIME},
    {"rnosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0},
    {"rsymfollow", 0, MOUNT_ATTR_NOSYMFOLLOW},
    // One of three modes, not bits: the kernel wants the whole field cleared with each.
    {"rrelatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
    {"rnorelatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
    {"rnoatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME},
    {"ratime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
    {"rstrictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
    {"rnostrictatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
};

struct PropagationOption {
  std::string_view name;
  unsigned long flags;
};

constexpr PropagationOption kPropagation[] = {
    {"private", MS_PRIVATE},       {"rprivate", MS_PRIVATE | MS_REC},
    {"shared", MS_SHARED},         {"rshared", MS_SHARED | MS_REC},
    {"slave", MS_SLAVE},           {"rslave", MS_SLAVE | MS_REC},
    {"unbindable", MS_UNBINDABLE}, {"runbindable", MS_UNBINDABLE | MS_REC},
};

// Words that are neither flags nor for the file system.
bool ParseKind(std::string_view option, MountOptions* out) {
  if (option == "bind" || option == "rbind") {
    out->bind = true;
    out->recursive = option == "rbind";
  } else if (option == "remount") {
    out->remount = true;
  } else if (option == "tmpcopyup") {
    out->copy_up = true;
  } else if (option == "idmap" || option == "ridmap") {
    out->refused = option;
  } else {
    return false;
  }
  return true;
}

bool ParseFlag(std::string_view option, MountOptions* out) {
  const auto* const flag = std::find_if(std::begin(kFlags), std::end(kFlags),
                                        [&](const FlagOption& f) { return f.name == option; });
  if (flag == std::end(kFlags)) return false;
  out->set = (out->set & ~flag->clear) | flag->set;
  return true;
}

// A later option takes back what an earlier one set.
bool ParseAttribute(std::string_view option, MountOptions* out) {
  const auto* const found =
      std::find_if(std::begin(kAttributes), std::end(kAttributes),
                   [&](const AttributeOption& a) { return a.name == option; });
  if (found == std::end(kAttributes)) return false;
  out->attributes_set = (out->attributes_set & ~found->clear) | found->set;
  out->attributes_clear = (out->attributes_clear & ~found->set) | found->clear;
  return true;
}

}  // namespace

unsigned long PropagationFlags(std::string_view name) {
  for (const PropagationOption& option : kPropagation) {
    if (option.name == name) return option.flags;
  }
  return 0;
}

MountOptions ParseMountOptions(const std::vector<std::string>& options) {
  MountOptions out;
  for (const std::string& option : options) {
    if (option.empty() || ParseKind(option, &out) || ParseFlag(option, &out) ||
        ParseAttribute(option, &out))
      continue;
    if (const unsigned long flags = PropagationFlags(option); flags != 0) {
      out.propagation.push_back(flags);
      continue;
    }
    if (!out.data.empty()) out.data += ',';
    out.data += option;
  }
  return out;
}

unsigned long FlagsFromStatvfs(unsigned long st_flags) {
  constexpr struct {
    unsigned long st;
    unsigned long ms;
  } kPairs[] = {{ST_RDONLY, MS_RDONLY},    {ST_NOSUID, MS_NOSUID},   {ST_NODEV, MS_NODEV},
                {ST_NOEXEC, MS_NOEXEC},    {ST_NOATIME, MS_NOATIME}, {ST_NODIRATIME, MS_NODIRATIME},
                {ST_RELATIME, MS_RELATIME}};
  unsigned long flags = 0;
  for (const auto& pair : kPairs) {
    if ((st_flags & pair.st) != 0) flags |= pair.ms;
  }
  return flags;
}

unsigned long MergeFlags(unsigned long existing, unsigned long wanted) {
  if ((wanted & kAtimeModes) != 0) existing &= ~kAtimeModes;
  return existing | wanted;
}

}  // namespace shoji::jail
