// What the children do between clone and exec.
//
// Threads  In the child. The result is the exit code of a child that did not get to exec;
//          the reason has been told over the channel.
#ifndef SHOJI_GUEST_AGENT_JAIL_CHILD_INIT_H_
#define SHOJI_GUEST_AGENT_JAIL_CHILD_INIT_H_

#include "jail/channel.h"
#include "jail/plan.h"
#include "jail/streams.h"

namespace shoji::jail {

// The first process of a container: builds everything, says "ready", waits for the start.
int RunInit(const Plan& plan, const Channel& channel, StdioPipes* pipes);

// Another process: joins the namespaces of the one `pidfd` means.
struct ExecTarget {
  int pidfd = -1;
  bool user_namespace = false;
};
int RunExec(const ExecTarget& target, const ProcessPlan& process, const Channel& channel,
            StdioPipes* pipes);

}  // namespace shoji::jail

#endif  // SHOJI_GUEST_AGENT_JAIL_CHILD_INIT_H_
