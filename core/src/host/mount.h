// Mounts on the host: bind, overlay, tmpfs, and everything below a directory undone.
//
// Purpose  A bind mount is prepared detached (read-only and private with all its
//          submounts) and then put in place in one step, so that it is never visible
//          half made and nothing done below it reaches the mounts it came from.
// Threads  Safe.
// Errors   ErrnoStatus naming source and target.
// Example  SHOJI_ASSIGN_OR_RETURN(auto mount, MountPoint::Bind("/srv/data", target, true));
//          mount.Keep();   // from now on it outlives us
#ifndef SHOJI_CORE_HOST_MOUNT_H_
#define SHOJI_CORE_HOST_MOUNT_H_

#include <string>
#include <utility>
#include <vector>

#include "shoji/status.h"

namespace shoji {

// A mount that is taken away when the object dies, unless Keep() was called.
class MountPoint {
 public:
  MountPoint() = default;
  MountPoint(MountPoint&& other) noexcept : target_(std::exchange(other.target_, {})) {}
  MountPoint& operator=(MountPoint&& other) noexcept {
    if (this != &other) {
      Unmount();
      target_ = std::exchange(other.target_, {});
    }
    return *this;
  }
  MountPoint(const MountPoint&) = delete;
  MountPoint& operator=(const MountPoint&) = delete;
  ~MountPoint() { Unmount(); }

  static Result<MountPoint> Bind(const std::string& source, const std::string& target,
                                 bool read_only);
  // A read-only view of `source`, in which later mounts below `source` (which is a shared
  // mount) appear with their own mode.
  static Result<MountPoint> Follow(const std::string& source, const std::string& target);
  // Another mount of `source`, which is a shared mount: what is mounted below one of the two
  // appears below both.
  static Result<MountPoint> Join(const std::string& source, const std::string& target);
  static Result<MountPoint> Overlay(const std::string& lower, const std::string& upper,
                                    const std::string& work, const std::string& target);
  // With the file system's own options, as somebody else wrote them.
  static Result<MountPoint> Overlay(const std::string& options, const std::string& target,
                                    bool read_only);
  static Result<MountPoint> Tmpfs(const std::string& target);

  void Keep() { target_.clear(); }

 private:
  explicit MountPoint(std::string target) : target_(std::move(target)) {}
  void Unmount();
  std::string target_;
};

// Mount points at or below `dir`, the last mounted first; from /proc/self/mountinfo.
Result<std::vector<std::string>> MountsBelow(const std::string& dir);

// Unmounts them all, lazily, so that an open file cannot keep one.
Status UnmountBelow(const std::string& dir);

bool IsTmpfs(const std::string& path);

}  // namespace shoji

#endif  // SHOJI_CORE_HOST_MOUNT_H_
