// The agent itself, without a VM: PID 1 of its namespaces.
//
// Threads  One; does not return before the agent ends.
// Example  return RunGuest(options, std::move(ready));
#ifndef SHOJI_GUEST_AGENT_HOST_GUEST_H_
#define SHOJI_GUEST_AGENT_HOST_GUEST_H_

#include <functional>

#include "host/options.h"
#include "shoji/status.h"

namespace shoji::agent {

// Serves on options.agent_fd until SIGTERM. `ready` hears when it is about to, or why it
// cannot; its own failure ends the agent.
Status RunGuest(const HostOptions& options, const std::function<Status(const Status&)>& ready);

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_HOST_GUEST_H_
