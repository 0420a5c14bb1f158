// The calls about network devices, routes and neighbours.
//
// Purpose  They work in the agent's own network namespace, which is the containers' too. The
//          host calls them before CreateSandbox.
// Threads  The loop's.
// Example  RegisterNetworkCalls(&server, &events, &gate, options.hotplug_timeout);
#ifndef SHOJI_GUEST_AGENT_SERVICE_NETWORK_CALLS_H_
#define SHOJI_GUEST_AGENT_SERVICE_NETWORK_CALLS_H_

#include <chrono>

#include "device/events.h"
#include "device/gate.h"
#include "rpc/server.h"

namespace shoji::agent {

// `limit`: how long UpdateInterface waits for a device that is not there yet.
void RegisterNetworkCalls(Server* server, DeviceEvents* events, DeviceGate* gate,
                          std::chrono::nanoseconds limit);

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_SERVICE_NETWORK_CALLS_H_
