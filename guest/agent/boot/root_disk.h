// A root file system on a disk instead of the archive that the kernel unpacked.
//
// Purpose  The kernel's command line names it: root=/dev/vda rootfstype=ext4. The archive's agent
//          loads what the disk needs, mounts it read-only and becomes the /init that lies there.
// Threads  Before there are any.
// Example  SHOJI_RETURN_IF_ERROR(EnterRootDisk(command_line, &modules));
#ifndef SHOJI_GUEST_AGENT_BOOT_ROOT_DISK_H_
#define SHOJI_GUEST_AGENT_BOOT_ROOT_DISK_H_

#include <string>
#include <string_view>

#include "boot/modules.h"
#include "shoji/status.h"

namespace shoji::agent {

struct RootDisk {
  std::string device;  // empty: none
  std::string type = "ext4";
  std::string flags;
};

RootDisk ParseRootDisk(std::string_view command_line);

// The file system at / is the kernel's archive.
bool IsArchiveRoot();

// Does not return when there is a disk and its /init runs. Nothing happens without a disk, or
// when its file system is the root already.
Status EnterRootDisk(std::string_view command_line, ModuleList* modules);

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_BOOT_ROOT_DISK_H_
