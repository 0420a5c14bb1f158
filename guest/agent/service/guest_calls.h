// The calls about the guest itself: its abilities, random numbers, clock.
//
// Threads  The loop's.
// Example  RegisterGuestCalls(&server);
#ifndef SHOJI_GUEST_AGENT_SERVICE_GUEST_CALLS_H_
#define SHOJI_GUEST_AGENT_SERVICE_GUEST_CALLS_H_

#include "rpc/server.h"

namespace shoji::agent {

void RegisterGuestCalls(Server* server);

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_SERVICE_GUEST_CALLS_H_
