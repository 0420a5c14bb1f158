// The network that a sandbox is joined to, noted in a file of its directory.
//
// Purpose  Joining happens before there is a record; whoever is killed then leaves filters in
//          the pod's namespace. The note says what to leave, and with which plugin.
// Threads  Safe; under the lock of the sandbox.
// Example  SHOJI_RETURN_IF_ERROR(LeaveLeftNetwork(context, paths));
#ifndef SHOJI_CORE_SANDBOX_LEFT_NETWORK_H_
#define SHOJI_CORE_SANDBOX_LEFT_NETWORK_H_

#include <string>

#include "host/paths.h"
#include "sandbox/context.h"
#include "shoji/status.h"

namespace shoji {

// Replaces the note of an earlier state.
Status NoteNetwork(const SandboxPaths& paths, const std::string& plugin, const std::string& state);
Status ForgetNetwork(const SandboxPaths& paths);
// Leaves what the note names, and removes it. Success when there is none.
Status LeaveLeftNetwork(Context& context, const SandboxPaths& paths);

}  // namespace shoji

#endif  // SHOJI_CORE_SANDBOX_LEFT_NETWORK_H_
