// The pseudo terminal of a container's process, out of the container's own devpts.
//
// Threads  In the child.
// Example  SHOJI_ASSIGN_OR_RETURN(Pty pty, OpenPty(root_fd, plan.process));
//          channel.Send(Word::kTerminal, pty.master.get());
#ifndef SHOJI_GUEST_AGENT_JAIL_TERMINAL_H_
#define SHOJI_GUEST_AGENT_JAIL_TERMINAL_H_

#include "jail/plan.h"
#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::jail {

struct Pty {
  UniqueFd master;
  UniqueFd slave;
};

// With the window size of the plan; owned by its user.
Result<Pty> OpenPty(int root_fd, const ProcessPlan& process);

// Shows the terminal as /dev/console.
Status BindConsole(int root_fd, int slave);

// In a process that leads its session: the terminal becomes 0, 1, 2 and the controlling one.
Status TakeTerminal(int slave);

}  // namespace shoji::jail

#endif  // SHOJI_GUEST_AGENT_JAIL_TERMINAL_H_
