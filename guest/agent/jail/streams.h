// The three standard streams between the agent and a process without a terminal.
//
// Threads  Safe.
// Example  SHOJI_ASSIGN_OR_RETURN(StdioPipes pipes, MakeStdio());
//          child: pipes.TakeInChild(uid, gid)   parent: pipes.agent[1] reads its stdout
#ifndef SHOJI_GUEST_AGENT_JAIL_STREAMS_H_
#define SHOJI_GUEST_AGENT_JAIL_STREAMS_H_

#include <sys/types.h>

#include <array>

#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::jail {

struct StdioPipes {
  std::array<UniqueFd, 3> agent;      // non-blocking
  std::array<UniqueFd, 3> container;  // blocking; become 0, 1, 2 in the child

  // In the child: makes them 0, 1 and 2, owned by the user, so that programs may open
  // /dev/stdout again.
  Status TakeInChild(uid_t uid, gid_t gid);
};

Result<StdioPipes> MakeStdio();

// Points 0, 1 and 2 at `fd`.
Status UseAsStdio(int fd);

}  // namespace shoji::jail

#endif  // SHOJI_GUEST_AGENT_JAIL_STREAMS_H_
