// The container's files on the host as the shim's own root directory.
//
// Purpose  An engine that copies into a running container enters the mount namespace of its pid
//          (podman cp), which is ours. There it must find the container's root file system and
//          volumes, as far as they are of the host, and nothing of the host's else.
// Layout   $SHOJI_SANDBOX_DIR/mounts/<container>/rootfs, and beside it `volumes`: for each one
//          its name below mounts/, its place in the container, "ro" or "rw", each with a NUL.
// Threads  Before any other thread is started.
// Errors   Name path and errno. Then the root is still the host's, and nothing may go on.
// Example  SHOJI_RETURN_IF_ERROR(EnterHostRoot(getenv("SHOJI_SANDBOX_DIR"), "web"));
#ifndef SHOJI_PROGRAMS_SHIM_HOST_ROOT_H_
#define SHOJI_PROGRAMS_SHIM_HOST_ROOT_H_

#include <string>

#include "shoji/status.h"

namespace shoji::shim {

// Success without any change where the container has no such directory: its root file system
// is a storage of the guest.
Status EnterHostRoot(const std::string& sandbox_dir, const std::string& container_id);

}  // namespace shoji::shim

#endif  // SHOJI_PROGRAMS_SHIM_HOST_ROOT_H_
