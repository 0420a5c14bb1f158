// Users and groups as a root file system knows them.
//
// Purpose  Reads etc/passwd and etc/group below the root file system, never following a
//          symbolic link out of it and never asking the host's name service.
// Threads  Safe.
// Errors   NOT_FOUND: no such user "foo" in /etc/passwd of the rootfs.
// Example  SHOJI_ASSIGN_OR_RETURN(User user, LookUpUser(rootfs, "www-data:adm", {}));
#ifndef SHOJI_CORE_OCI_USER_H_
#define SHOJI_CORE_OCI_USER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "shoji/status.h"

namespace shoji {

struct User {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> groups;  // supplementary, without duplicates
  std::string home = "/";
};

// `who`: "", "uid", "uid:gid", "name", "name:group". Without a group in `who` the groups
// the user is a member of are supplementary, as engines do; `more` (numbers or names)
// are added. An empty `rootfs` is one that cannot be looked into: only numbers are found.
Result<User> LookUpUser(const std::string& rootfs, const std::string& who,
                        const std::vector<std::string>& more);

}  // namespace shoji

#endif  // SHOJI_CORE_OCI_USER_H_
