#include "host/share.h"

#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>

#include "host/mount.h"
#include "host/undo.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"

namespace shoji {
namespace {

constexpr mode_t kPrivateDir = 0700;
// Seen in the guest, where the root of a user namespace is somebody else and has to get through.
// On the host they lie in the sandbox's directory, which is private.
constexpr mode_t kShownDir = 0711;
constexpr mode_t kRootfsDir = 0755;

Status MakeDir(const std::string& path, mode_t mode) {
  if (mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return OkStatus();
  return ErrnoStatus(errno, "cannot create directory " + path);
}

// The path without symbolic links. `what`: "rootfs", "source of a mount".
Result<std::string> Resolve(const std::string& path, const std::string& what,
                            const std::string& container) {
  char resolved[PATH_MAX];
  if (realpath(path.c_str(), resolved) != nullptr) return std::string(resolved);
  const std::string name = what + " \"" + path + "\" of container \"" + container + "\"";
  if (errno == ENOENT) return NotFound(name + " does not exist");
  return ErrnoStatus(errno, "cannot use " + name);
}

Result<bool> IsDirectory(const std::string& path) {
  struct stat info = {};
  if (stat(path.c_str(), &info) < 0) return ErrnoStatus(errno, "cannot look at " + path);
  return S_ISDIR(info.st_mode);
}

Status SetPropagation(const std::string& path, unsigned long type) {
  if (mount(nullptr, path.c_str(), nullptr, type, nullptr) == 0) return OkStatus();
  return ErrnoStatus(errno, "cannot set the propagation of " + path);
}

std::string BaseName(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  // A component of a path is at most 255 bytes, and this one gets a prefix.
  return name.empty() ? "root" : name.substr(0, 128);
}

// A file or directory, as `source` is one, to mount on.
Status MakeTarget(const std::string& source, const std::string& target) {
  SHOJI_ASSIGN_OR_RETURN(const bool directory, IsDirectory(source));
  return directory ? MakeDir(target, kRootfsDir) : WriteFile(target, "", 0600);
}

}  // namespace

Status Share::Prepare() {
  SHOJI_RETURN_IF_ERROR(MakeDir(paths_.mounts, kShownDir));
  SHOJI_RETURN_IF_ERROR(MakeDir(paths_.share, kPrivateDir));
  SHOJI_ASSIGN_OR_RETURN(const auto mounts, MountsBelow(paths_.share));
  if (std::find(mounts.begin(), mounts.end(), paths_.share) != mounts.end()) return OkStatus();
  SHOJI_RETURN_IF_ERROR(UnmountBelow(paths_.mounts));  // of an attempt that was killed
  SHOJI_ASSIGN_OR_RETURN(MountPoint ours, MountPoint::Bind(paths_.mounts, paths_.mounts, false));
  SHOJI_RETURN_IF_ERROR(SetPropagation(paths_.mounts, MS_PRIVATE));  // leave the parent's group
  SHOJI_RETURN_IF_ERROR(SetPropagation(paths_.mounts, MS_SHARED));   // and found one
  return Show(std::move(ours));
}

Status Share::PrepareOver(const std::string& mounts) {
  SHOJI_RETURN_IF_ERROR(RemoveAll());
  SHOJI_RETURN_IF_ERROR(MakeDir(paths_.mounts, kShownDir));
  SHOJI_RETURN_IF_ERROR(MakeDir(paths_.share, kPrivateDir));
  SHOJI_ASSIGN_OR_RETURN(MountPoint ours, MountPoint::Join(mounts, paths_.mounts));
  return Show(std::move(ours));
}

Status Share::Show(MountPoint ours) {
  SHOJI_ASSIGN_OR_RETURN(MountPoint shown, MountPoint::Follow(paths_.mounts, paths_.share));
  shown.Keep();
  ours.Keep();
  return OkStatus();
}

Result<SharedContainer> Share::AddContainer(const std::string& id, const RootFs& rootfs,
                                            const std::vector<Volume>& volumes) {
  SharedContainer out;
  UndoStack undo;
  const std::string dir = paths_.mounts + "/" + id;
  if (mkdir(dir.c_str(), kShownDir) < 0) {
    return ErrnoStatus(errno, "cannot create directory " + dir);
  }
  out.entries.push_back(id);
  undo.Push([&] { (void)RemoveContainer(id, out.entries); });
  if (rootfs.storage.empty()) SHOJI_RETURN_IF_ERROR(AddRootfs(id, rootfs, out));
  for (const Volume& volume : volumes) SHOJI_RETURN_IF_ERROR(AddVolume(id, volume, out));
  SHOJI_RETURN_IF_ERROR(NoteVolumes(id, volumes, out));
  undo.Commit();
  return out;
}

Status Share::AddRootfs(const std::string& id, const RootFs& rootfs, SharedContainer& out) {
  SHOJI_ASSIGN_OR_RETURN(out.rootfs_source, Resolve(rootfs.source, "rootfs", id));
  SHOJI_ASSIGN_OR_RETURN(const bool directory, IsDirectory(out.rootfs_source));
  if (!directory) {
    return InvalidArgument("rootfs \"" + rootfs.source + "\" of container \"" + id +
                           "\" is not a directory");
  }
  out.host_rootfs = HostRootfs(id);
  out.guest_rootfs = std::string(kGuestShare) + "/" + id + "/rootfs";
  SHOJI_RETURN_IF_ERROR(MakeDir(out.host_rootfs, kRootfsDir));
  if (rootfs.ephemeral) return MountEphemeral(id, out.rootfs_source, out.host_rootfs);
  SHOJI_ASSIGN_OR_RETURN(MountPoint bind,
                         MountPoint::Bind(out.rootfs_source, out.host_rootfs, rootfs.read_only));
  bind.Keep();
  return OkStatus();
}

Status Share::MountEphemeral(const std::string& id, const std::string& source,
                             const std::string& target) {
  const std::string dir = paths_.overlay + "/" + id;
  SHOJI_RETURN_IF_ERROR(MakeDir(paths_.overlay, kPrivateDir));
  SHOJI_RETURN_IF_ERROR(MakeDir(dir, kPrivateDir));
  MountPoint memory;
  if (!IsTmpfs(dir)) {  // changes are promised to stay in memory, wherever the root lies
    SHOJI_ASSIGN_OR_RETURN(memory, MountPoint::Tmpfs(dir));
  }
  // The root directory of the overlay has the mode and owner of "upper".
  struct stat info = {};
  if (stat(source.c_str(), &info) < 0) return ErrnoStatus(errno, "cannot look at " + source);
  SHOJI_RETURN_IF_ERROR(MakeDir(dir + "/upper", kRootfsDir));
  SHOJI_RETURN_IF_ERROR(MakeDir(dir + "/work", kPrivateDir));
  if (chmod((dir + "/upper").c_str(), info.st_mode & 07777U) < 0 ||
      chown((dir + "/upper").c_str(), info.st_uid, info.st_gid) < 0) {
    return ErrnoStatus(errno, "cannot give " + dir + "/upper its owner and mode");
  }
  SHOJI_ASSIGN_OR_RETURN(MountPoint overlay,
                         MountPoint::Overlay(source, dir + "/upper", dir + "/work", target));
  overlay.Keep();
  memory.Keep();
  return OkStatus();
}

Status Share::AddVolume(const std::string& id, const Volume& volume, SharedContainer& out) {
  const bool overlay = !volume.overlay.empty();
  std::string source = volume.source;  // of an overlay a mere name
  if (!overlay) {
    SHOJI_ASSIGN_OR_RETURN(source, Resolve(volume.source, "mount source", id));
  }
  const std::string base = BaseName(source);
  std::size_t number = out.guest_volumes.size();
  std::string name = id + "-" + std::to_string(number) + "-" + base;
  // Another container may be called what this volume would be.
  while (PathExists(paths_.mounts + "/" + name)) {
    name = id + "-" + std::to_string(++number) + "-" + base;
  }
  const std::string target = paths_.mounts + "/" + name;
  SHOJI_RETURN_IF_ERROR(overlay ? MakeDir(target, kRootfsDir) : MakeTarget(source, target));
  out.entries.push_back(name);
  SHOJI_ASSIGN_OR_RETURN(MountPoint made,
                         overlay ? MountPoint::Overlay(volume.overlay, target, volume.read_only)
                                 : MountPoint::Bind(source, target, volume.read_only));
  made.Keep();
  out.guest_volumes.push_back(std::string(kGuestShare) + "/" + name);
  return OkStatus();
}

Status Share::NoteVolumes(const std::string& id, const std::vector<Volume>& volumes,
                          const SharedContainer& shared) {
  std::string text;
  for (std::size_t i = 0; i < volumes.size(); ++i) {  // entry 0 is the container's directory
    const Volume& volume = volumes[i];
    for (const std::string& word :
         {shared.entries[i + 1], volume.destination, std::string(volume.read_only ? "ro" : "rw")}) {
      text += word + '\0';
    }
  }
  if (text.empty()) return OkStatus();
  return WriteFile(paths_.mounts + "/" + id + "/volumes", text, 0600);
}

Status Share::AddDirectory(const std::string& entry, const std::string& source, bool read_only) {
  char resolved[PATH_MAX];
  if (realpath(source.c_str(), resolved) == nullptr) {
    if (errno == ENOENT) return NotFound("source \"" + source + "\" does not exist");
    return ErrnoStatus(errno, "cannot use source \"" + source + "\"");
  }
  SHOJI_ASSIGN_OR_RETURN(const bool directory, IsDirectory(resolved));
  if (!directory) return InvalidArgument("source \"" + source + "\" is not a directory");
  const std::string target = paths_.mounts + "/" + entry;
  if (mkdir(target.c_str(), kPrivateDir) < 0) {
    return ErrnoStatus(errno, "cannot create directory " + target);
  }
  UndoStack undo;
  undo.Push([&] { (void)RemoveTree(target); });
  SHOJI_ASSIGN_OR_RETURN(MountPoint bind, MountPoint::Bind(resolved, target, read_only));
  bind.Keep();
  undo.Commit();
  return OkStatus();
}

Status Share::RemoveEntry(const std::string& entry) {
  SHOJI_RETURN_IF_ERROR(UnmountBelow(paths_.mounts + "/" + entry));
  return RemoveTree(paths_.mounts + "/" + entry);
}

Status Share::RemoveContainer(const std::string& id, const std::vector<std::string>& entries) {
  Status first;
  const auto note = [&first](Status status) {
    if (first.ok() && !status.ok()) first = std::move(status);
  };
  for (auto name = entries.rbegin(); name != entries.rend(); ++name) {
    note(UnmountBelow(paths_.mounts + "/" + *name));
    note(RemoveTree(paths_.mounts + "/" + *name));
  }
  note(UnmountBelow(paths_.overlay + "/" + id));
  note(RemoveTree(paths_.overlay + "/" + id));
  return first;
}

Status Share::RemoveAll() {
  SHOJI_RETURN_IF_ERROR(UnmountBelow(paths_.share));
  SHOJI_RETURN_IF_ERROR(UnmountBelow(paths_.mounts));
  SHOJI_RETURN_IF_ERROR(UnmountBelow(paths_.overlay));
  SHOJI_RETURN_IF_ERROR(RemoveTree(paths_.share));
  SHOJI_RETURN_IF_ERROR(RemoveTree(paths_.mounts));
  return RemoveTree(paths_.overlay);
}

}  // namespace shoji
