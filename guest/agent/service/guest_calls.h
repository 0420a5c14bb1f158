// The calls about the guest itself: its abilities, random numbers, clock, tracing.
//
// Threads  The loop's.
// Example  RegisterGuestCalls(&server, "/sys");
#ifndef SHOJI_GUEST_AGENT_SERVICE_GUEST_CALLS_H_
#define SHOJI_GUEST_AGENT_SERVICE_GUEST_CALLS_H_

#include <string>

#include "rpc/server.h"

namespace shoji::agent {

// `sys` is where the kernel shows its hardware.
void RegisterGuestCalls(Server* server, const std::string& sys);

// This agent does not trace, and says so: StartTracing is not offered, and what was not started
// cannot be stopped.
void RegisterTracing(Server* server);

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_SERVICE_GUEST_CALLS_H_
