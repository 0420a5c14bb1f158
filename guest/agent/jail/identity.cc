#include "jail/identity.h"

#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "jail/ids.h"
#include "shoji/base/errno.h"

namespace shoji::jail {
namespace {

Status SetUser(const ProcessPlan& process) {
  if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
    return ErrnoStatus(errno, "cannot keep the capabilities over the change of user");
  if (!SetGroups(process.groups))
    return ErrnoStatus(errno, "process.user.additionalGids: cannot set them");
  if (!SetGid(process.gid))
    return ErrnoStatus(errno, "process.user.gid: cannot become " + std::to_string(process.gid));
  if (!SetUid(process.uid))
    return ErrnoStatus(errno, "process.user.uid: cannot become " + std::to_string(process.uid));
  return OkStatus();
}

Status LoadFilter(const ProcessPlan& process) {
  return process.seccomp ? process.seccomp->Load() : OkStatus();
}

}  // namespace

Status BecomeUser(const ProcessPlan& process) {
  SHOJI_RETURN_IF_ERROR(ApplyRlimits(process.rlimits));
  SHOJI_RETURN_IF_ERROR(process.scheduling.Apply());
  SHOJI_RETURN_IF_ERROR(ApplyPersonality(process.personality));
  SHOJI_RETURN_IF_ERROR(DropBounding(process.caps));
  // Root may reach a directory the user may not, and the other way round (shared files of a
  // user): either is enough.
  const bool entered = chdir(process.cwd.c_str()) == 0;
  SHOJI_RETURN_IF_ERROR(SetUser(process));
  if (!entered && chdir(process.cwd.c_str()) < 0)
    return ErrnoStatus(errno, "process.cwd: cannot enter \"" + process.cwd + "\"");
  umask(process.umask);
  return OkStatus();
}

Status DropRights(const ProcessPlan& process) {
  if (process.no_new_privileges) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
      return ErrnoStatus(errno, "cannot set no_new_privs");
    SHOJI_RETURN_IF_ERROR(ApplyCaps(process.caps));
    return LoadFilter(process);
  }
  // Without no_new_privs the filter needs CAP_SYS_ADMIN, so it comes before the rights go;
  // it must then allow capset and prctl.
  if (process.seccomp) SHOJI_RETURN_IF_ERROR(RaiseEffective());
  SHOJI_RETURN_IF_ERROR(LoadFilter(process));
  return ApplyCaps(process.caps);
}

}  // namespace shoji::jail
