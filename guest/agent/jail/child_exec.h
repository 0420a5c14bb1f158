// The last step of a child: finding the program and becoming it.
//
// Threads  In the child.
// Example  Status why = ExecProgram(process); channel.SendFailure(why);
#ifndef SHOJI_GUEST_AGENT_JAIL_CHILD_EXEC_H_
#define SHOJI_GUEST_AGENT_JAIL_CHILD_EXEC_H_

#include <string>

#include "jail/plan.h"
#include "shoji/status.h"

namespace shoji::jail {

// args[0] itself when it has a slash, else the first executable file of PATH. Messages are
// those other runtimes give: `exec: "foo": executable file not found in $PATH`.
Result<std::string> FindProgram(const ProcessPlan& process);

// Gives up the rights and runs it. Returns only on failure.
Status ExecProgram(const ProcessPlan& process);

}  // namespace shoji::jail

#endif  // SHOJI_GUEST_AGENT_JAIL_CHILD_EXEC_H_
