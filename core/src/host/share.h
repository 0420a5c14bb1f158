// What a sandbox shows to its guest: root file systems and volumes under one directory.
//
// Purpose  The core mounts below <sandbox>/mounts. <sandbox>/share follows it and is what
//          the hypervisor exports and the guest mounts on kGuestShare: read-only itself,
//          so that a guest cannot put a symbolic link where the core mounts next; what is
//          mounted in it keeps its own mode. Nothing of either shows anywhere else. All
//          mounts are found again through /proc/self/mountinfo.
// Threads  Safe; two threads must not prepare the same container.
// Example
//     SHOJI_RETURN_IF_ERROR(share.Prepare());
//     SHOJI_ASSIGN_OR_RETURN(auto shared, share.AddContainer("web", rootfs, volumes));
#ifndef SHOJI_CORE_HOST_SHARE_H_
#define SHOJI_CORE_HOST_SHARE_H_

#include <string>
#include <vector>

#include "host/mount.h"
#include "host/paths.h"
#include "shoji/config.h"
#include "shoji/status.h"

namespace shoji {

struct Volume {
  std::string source;  // absolute path on the host
  bool read_only = false;
  std::string destination{};  // in the container
  std::string overlay{};      // options of an overlay to mount instead of binding the source
};

struct SharedContainer {
  std::string rootfs_source;  // symbolic links resolved
  std::string host_rootfs;    // below <sandbox>/mounts
  std::string guest_rootfs;
  std::vector<std::string> guest_volumes;  // in the order of the volumes
  std::vector<std::string> entries;        // names below the share, for RemoveContainer()
};

class Share {
 public:
  explicit Share(SandboxPaths paths) : paths_(std::move(paths)) {}

  // Makes the directory and its mount. Idempotent.
  Status Prepare();
  // The same instead of what Prepare() made, for a VM that shows its guest what is mounted
  // below `mounts`, a shared mount.
  Status PrepareOver(const std::string& mounts);
  // NOT_FOUND: rootfs "/x" of container "web" does not exist. Nothing is left on failure.
  Result<SharedContainer> AddContainer(const std::string& id, const RootFs& rootfs,
                                       const std::vector<Volume>& volumes);
  // A directory for the whole pod under the name `entry`. Nothing is left on failure.
  Status AddDirectory(const std::string& entry, const std::string& source, bool read_only);
  Status RemoveEntry(const std::string& entry);
  // Success when there is nothing.
  Status RemoveContainer(const std::string& id, const std::vector<std::string>& entries);
  // Unmounts everything of the sandbox and removes the directories of share and overlay.
  Status RemoveAll();

  std::string HostRootfs(const std::string& id) const {
    return paths_.mounts + "/" + id + "/rootfs";
  }

 private:
  Status AddRootfs(const std::string& id, const RootFs& rootfs, SharedContainer& out);
  Status MountEphemeral(const std::string& id, const std::string& source,
                        const std::string& target);
  Status Show(MountPoint ours);
  Status AddVolume(const std::string& id, const Volume& volume, SharedContainer& out);
  // For who shows the container's files on the host: a file "volumes" beside its "rootfs".
  Status NoteVolumes(const std::string& id, const std::vector<Volume>& volumes,
                     const SharedContainer& shared);

  SandboxPaths paths_;
};

}  // namespace shoji

#endif  // SHOJI_CORE_HOST_SHARE_H_
