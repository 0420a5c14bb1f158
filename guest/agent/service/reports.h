// ListProcesses and StatsContainer.
//
// Threads  The loop's.
// Example  RegisterReports(&server, &sandbox);
#ifndef SHOJI_GUEST_AGENT_SERVICE_REPORTS_H_
#define SHOJI_GUEST_AGENT_SERVICE_REPORTS_H_

#include "rpc/server.h"
#include "service/sandbox.h"

namespace shoji::agent {

void RegisterReports(Server* server, Sandbox* sandbox);

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_SERVICE_REPORTS_H_
