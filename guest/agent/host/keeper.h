// Looks after an agent without a VM, as a VMM looks after a guest.
//
// Purpose  Starts the agent in fresh namespaces, keeps the end of its messages, attaches and
//          detaches devices, and cleans up when it ends. Stays outside of the namespaces. When
//          the keeper is killed the agent ends with it, and all that is in its namespaces.
// Threads  One, for the life of the process.
// Example  return RunKeeper(options);
#ifndef SHOJI_GUEST_AGENT_HOST_KEEPER_H_
#define SHOJI_GUEST_AGENT_HOST_KEEPER_H_

#include "host/options.h"

namespace shoji::agent {

// Returns the exit status of the program, in the keeper and in the agent.
int RunKeeper(const HostOptions& options);

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_HOST_KEEPER_H_
