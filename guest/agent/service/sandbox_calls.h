// The calls about the sandbox and its containers as wholes.
//
// Threads  The loop's.
// Example  RegisterSandboxCalls(&loop, &server, &sandbox, &gate, &finder);
#ifndef SHOJI_GUEST_AGENT_SERVICE_SANDBOX_CALLS_H_
#define SHOJI_GUEST_AGENT_SERVICE_SANDBOX_CALLS_H_

#include "device/finder.h"
#include "device/gate.h"
#include "loop/loop.h"
#include "rpc/server.h"
#include "service/sandbox.h"

namespace shoji::agent {

// The gate holds requests until the disks and devices they name are there.
void RegisterSandboxCalls(Loop* loop, Server* server, Sandbox* sandbox, DeviceGate* gate,
                          const DeviceFinder* finder);

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_SERVICE_SANDBOX_CALLS_H_
