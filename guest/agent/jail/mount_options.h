// The options of an OCI mount, as mount(2) wants them.
//
// Threads  Pure.
// Example  SHOJI_ASSIGN_OR_RETURN(MountOptions o, ParseMountOptions({"rbind", "ro"}));
//          o.bind && o.recursive && (o.set & MS_RDONLY)
#ifndef SHOJI_GUEST_AGENT_JAIL_MOUNT_OPTIONS_H_
#define SHOJI_GUEST_AGENT_JAIL_MOUNT_OPTIONS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shoji/status.h"

namespace shoji::jail {

struct MountOptions {
  unsigned long set = 0;                   // MS_RDONLY, MS_NOSUID, ...
  std::vector<unsigned long> propagation;  // each a call of its own, in order
  bool bind = false;
  bool recursive = false;  // of the bind
  bool remount = false;
  bool copy_up = false;                // tmpfs starts with what the image has there
  std::uint64_t attributes_set = 0;    // MOUNT_ATTR_..., of the mount and all below it
  std::uint64_t attributes_clear = 0;  // "rro" and its like
  std::string refused;                 // an option that cannot be done
  std::string data;                    // what the file system itself understands
};

// Later options win over earlier ones. Everything unknown belongs to the file system.
MountOptions ParseMountOptions(const std::vector<std::string>& options);

// Flags of "shared", "rslave", ...; 0 for another word.
unsigned long PropagationFlags(std::string_view name);

// MS_ flags of a mounted file system from the ST_ flags of statvfs(2).
unsigned long FlagsFromStatvfs(unsigned long st_flags);

// `existing` with `wanted` added; at most one access time mode remains, the wanted one.
unsigned long MergeFlags(unsigned long existing, unsigned long wanted);

}  // namespace shoji::jail

#endif  // SHOJI_GUEST_AGENT_JAIL_MOUNT_OPTIONS_H_
