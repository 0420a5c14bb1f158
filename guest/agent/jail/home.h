// The home directory of a user, by the files of the container.
//
// Threads  In the child, once its root is the container's.
// Example  env.push_back("HOME=" + HomeOf(process.uid));
#ifndef SHOJI_GUEST_AGENT_JAIL_HOME_H_
#define SHOJI_GUEST_AGENT_JAIL_HOME_H_

#include <sys/types.h>

#include <string>

namespace shoji::jail {

// "/" for who is not in /etc/passwd, or when there is none.
std::string HomeOf(uid_t uid);

}  // namespace shoji::jail

#endif  // SHOJI_GUEST_AGENT_JAIL_HOME_H_
