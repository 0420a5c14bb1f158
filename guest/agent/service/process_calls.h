// The calls about processes in containers and their stdio.
//
// Threads  The loop's.
// Example  RegisterProcessCalls(&server, &sandbox);
#ifndef SHOJI_GUEST_AGENT_SERVICE_PROCESS_CALLS_H_
#define SHOJI_GUEST_AGENT_SERVICE_PROCESS_CALLS_H_

#include "rpc/server.h"
#include "service/sandbox.h"

namespace shoji::agent {

void RegisterProcessCalls(Server* server, Sandbox* sandbox);

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_SERVICE_PROCESS_CALLS_H_
