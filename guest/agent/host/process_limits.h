// Resource limits on a host that does not let the agent raise them.
//
// Purpose  A VM's PID 1 may set any limit; without CAP_SYS_RESOURCE the host's hard limits are the
//          most there is. What is asked for above them is lowered to them, with a warning.
// Threads  The loop's.
// Example  if (!MayRaiseLimits()) LowerLimits(&server);
#ifndef SHOJI_GUEST_AGENT_HOST_PROCESS_LIMITS_H_
#define SHOJI_GUEST_AGENT_HOST_PROCESS_LIMITS_H_

#include "rpc/server.h"
#include "shoji-kata/oci.pb.h"

namespace shoji::agent {

bool MayRaiseLimits();

// Puts it before the calls that make processes, which are registered already.
void LowerLimits(Server* server);

// Lowers the limits of one process to those of the caller; leaves what makes no sense alone.
void LowerLimits(grpc::Process* process);

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_HOST_PROCESS_LIMITS_H_
