// The calls about the sandbox and its containers as wholes.
//
// Threads  The loop's.
// Example  RegisterSandboxCalls(&loop, &server, &sandbox);
#ifndef SHOJI_GUEST_AGENT_SERVICE_SANDBOX_CALLS_H_
#define SHOJI_GUEST_AGENT_SERVICE_SANDBOX_CALLS_H_

#include "loop/loop.h"
#include "rpc/server.h"
#include "service/sandbox.h"

namespace shoji::agent {

void RegisterSandboxCalls(Loop* loop, Server* server, Sandbox* sandbox);

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_SERVICE_SANDBOX_CALLS_H_
