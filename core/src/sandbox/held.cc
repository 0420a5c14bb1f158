#include "sandbox/held.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "gc/processes.h"
#include "host/mount.h"
#include "request/validate.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"

namespace shoji {
namespace {

bool IsLink(const std::string& path) {
  struct stat info = {};
  return lstat(path.c_str(), &info) == 0 && S_ISLNK(info.st_mode);
}

// The link at the place where the VM was made. A directory there is another VM's.
Status RemoveLink(const std::string& path) {
  if (!IsLink(path) || unlink(path.c_str()) == 0 || errno == ENOENT) return OkStatus();
  return ErrnoStatus(errno, "cannot remove " + path);
}

}  // namespace

std::vector<std::string> HeldIds(const SandboxPaths& paths) {
  std::vector<std::string> out;
  const auto names = ListDir(paths.held);
  if (!names.ok()) return out;
  for (const std::string& name : *names) {
    if (ValidateId("VM", name).ok() && !IsLink(paths.held + "/" + name)) out.push_back(name);
  }
  return out;
}

Result<std::string> HeldMounts(const SandboxPaths& paths) {
  for (const std::string& id : HeldIds(paths)) {
    const std::string mounts = paths.held + "/" + id + "/mounts";
    if (PathExists(mounts)) return mounts;
  }
  return NotFound("no VM in " + paths.held + " has a share");
}

std::vector<std::string> MarksOf(const SandboxPaths& paths) {
  std::vector<std::string> out = {paths.dir};
  for (const std::string& id : HeldIds(paths)) out.push_back(paths.factory + "/" + id);
  return out;
}

Status KillProcessesOf(const SandboxPaths& paths) {
  Status first;
  for (const std::string& mark : MarksOf(paths)) {
    Status killed = KillMarkedProcesses(mark);
    if (first.ok()) first = std::move(killed);
  }
  return first;
}

Status RemoveHeld(const SandboxPaths& paths) {
  if (!PathExists(paths.held)) return OkStatus();
  for (const std::string& id : HeldIds(paths)) {
    // Of a VM that its sandbox never got to know.
    SHOJI_RETURN_IF_ERROR(KillMarkedProcesses(paths.factory + "/" + id));
  }
  SHOJI_RETURN_IF_ERROR(UnmountBelow(paths.held));
  for (const std::string& id : HeldIds(paths)) {
    SHOJI_RETURN_IF_ERROR(RemoveLink(paths.factory + "/" + id));
  }
  return RemoveTree(paths.held);
}

}  // namespace shoji
