// Health.Check and Health.Version.
//
// Threads  The loop's.
// Example  RegisterHealth(&server);
#ifndef SHOJI_GUEST_AGENT_SERVICE_HEALTH_H_
#define SHOJI_GUEST_AGENT_SERVICE_HEALTH_H_

#include "rpc/server.h"

namespace shoji::agent {

inline constexpr char kProtocolVersion[] = "0.0.1";
inline constexpr char kAgentVersion[] = "0.1.0";

void RegisterHealth(Server* server);

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_SERVICE_HEALTH_H_
