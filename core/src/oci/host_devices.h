// Devices of the host that a specification names.
//
// Purpose  A disk of the host can be given to the VM; every other device of the host has no
//          place in it. Of linux.devices this finds the disks, and refuses what is neither a
//          disk nor a device that every Linux has.
// Rule     An engine that allows all devices ("--privileged") lists what the host happens to
//          have, also the disk it runs from: then none is given.
// Threads  Safe; looks into /sys and /dev of the host.
// Example  SHOJI_ASSIGN_OR_RETURN(const auto disks, HostDisksOf(config.oci_spec));
#ifndef SHOJI_CORE_OCI_HOST_DEVICES_H_
#define SHOJI_CORE_OCI_HOST_DEVICES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "shoji/status.h"

namespace shoji {

struct HostDisk {
  std::string container_path;
  std::int64_t major = 0;
  std::int64_t minor = 0;
  std::string access;  // "rwm", or what the rules of linux.resources leave of it
};
// INVALID_ARGUMENT names a device that no VM can have.
Result<std::vector<HostDisk>> HostDisksOf(const std::string& spec);

// "/dev/loop0". NOT_FOUND when the host has no such disk, or no node for it.
Result<std::string> HostNodeOf(const HostDisk& disk);

}  // namespace shoji

#endif  // SHOJI_CORE_OCI_HOST_DEVICES_H_
