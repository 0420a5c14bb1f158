// The calls about processors and memory that the host has added.
//
// Threads  The loop's.
// Example  RegisterHotplugCalls(&server, &events, "/sys");
#ifndef SHOJI_GUEST_AGENT_SERVICE_HOTPLUG_CALLS_H_
#define SHOJI_GUEST_AGENT_SERVICE_HOTPLUG_CALLS_H_

#include <string>

#include "device/events.h"
#include "rpc/server.h"

namespace shoji::agent {

// `sys` is where the kernel shows its hardware. Containers without a set of processors of their
// own get new ones by themselves (cgroup v2); a set that was asked for stays as it is.
void RegisterHotplugCalls(Server* server, DeviceEvents* events, const std::string& sys);

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_SERVICE_HOTPLUG_CALLS_H_
