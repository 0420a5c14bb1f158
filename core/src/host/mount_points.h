// Places to mount on inside a root file system that is about to be shown read-only.
//
// Purpose  The guest cannot make them there any more. Never leaves the root file system by
//          a symbolic link.
// Threads  Safe.
// Example  MakeMountPoints("/srv/rootfs", {{"/data", false}, {"/etc/hosts", true}});
#ifndef SHOJI_CORE_HOST_MOUNT_POINTS_H_
#define SHOJI_CORE_HOST_MOUNT_POINTS_H_

#include <string>
#include <vector>

namespace shoji {

struct NeededPoint {
  std::string path;  // absolute, in the container
  bool file = false;
};

// Best effort: on a medium that cannot be written to, what is missing stays missing, and
// the guest says so.
void MakeMountPoints(const std::string& rootfs, const std::vector<NeededPoint>& points);

}  // namespace shoji

#endif  // SHOJI_CORE_HOST_MOUNT_POINTS_H_
