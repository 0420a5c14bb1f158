// Fills a fresh tmpfs with what the image has in the directory it covers (tmpcopyup).
//
// Threads  In the child.
// Example  CopyUp(covered_dir_fd, tmpfs_fd)
#ifndef SHOJI_GUEST_AGENT_JAIL_COPY_UP_H_
#define SHOJI_GUEST_AGENT_JAIL_COPY_UP_H_

#include "shoji/status.h"

namespace shoji::jail {

// Directories, files and links with mode and owner; `from` may be an O_PATH descriptor.
Status CopyUp(int from, int to);

}  // namespace shoji::jail

#endif  // SHOJI_GUEST_AGENT_JAIL_COPY_UP_H_
