// User and groups of the calling process, which has one thread.
//
// Purpose  The C library changes them for every thread it knows of, by a signal to each. A child
//          of clone3 has one thread, whatever the library remembers of its parent: a thread of
//          the parent's that is not there any more may have the number of another process of
//          the child's pid namespace, or the child's own, which then waits for itself for ever.
// Threads  In the child.
// Example  if (!SetGroups(groups) || !SetGid(gid) || !SetUid(uid)) return ErrnoStatus(errno, ...);
#ifndef SHOJI_GUEST_AGENT_JAIL_IDS_H_
#define SHOJI_GUEST_AGENT_JAIL_IDS_H_

#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <vector>

namespace shoji::jail {

// False with errno. Each sets the real, effective and saved id.
inline bool SetGroups(const std::vector<gid_t>& groups) {
  return syscall(SYS_setgroups, groups.size(), groups.data()) == 0;
}
inline bool SetGid(gid_t gid) { return syscall(SYS_setresgid, gid, gid, gid) == 0; }
inline bool SetUid(uid_t uid) { return syscall(SYS_setresuid, uid, uid, uid) == 0; }

}  // namespace shoji::jail

#endif  // SHOJI_GUEST_AGENT_JAIL_IDS_H_
