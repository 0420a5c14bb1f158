// OCI hooks that run on the host (runtime specification 1.0.2, section POSIX-platform Hooks).
//
// Purpose  Finds the hooks of a container and runs them: state JSON on stdin, the given
//          environment (ours for a hook of the specification that names none), the whole process
//          group killed when the time is up. Those of startContainer are the guest's; those of
//          createContainer run on the host, in the namespaces of the runtime.
// Threads  Safe, no state.
// Errors   INVALID_ARGUMENT names the field of the specification. RunHooks(): ABORTED with the
//          hook's own last words, DEADLINE_EXCEEDED, or why it could not be started.
// Example
//     SHOJI_ASSIGN_OR_RETURN(const HostHooks hooks, HooksOf(config));
//     SHOJI_RETURN_IF_ERROR(RunHooks(hooks.prestart, "prestart", state, limit));
#ifndef SHOJI_CORE_OCI_HOOKS_H_
#define SHOJI_CORE_OCI_HOOKS_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "shoji/config.h"
#include "shoji/status.h"

namespace shoji {

struct HostHooks {
  Hooks hooks;
  std::vector<Hook> create_runtime;    // after those of prestart
  std::vector<Hook> create_container;  // when the container exists in the guest
};
// Those of the specification first, then those of the configuration.
Result<HostHooks> HooksOf(const ContainerConfig& config);

// What a hook is told (OCI: state).
struct HookState {
  std::string id;
  std::string status;    // "creating", "created", "running", "stopped"
  std::int32_t pid = 0;  // of the host; 0: none
  std::string bundle;
  std::map<std::string, std::string> annotations;
};
std::string FormatState(const HookState& state);

// In order; the first failure ends it. `limit` holds for hooks without one of their own.
Status RunHooks(const std::vector<Hook>& hooks, const std::string& kind, const HookState& state,
                std::chrono::nanoseconds limit);
// All of them; failures are only reported.
void RunAllHooks(const std::vector<Hook>& hooks, const std::string& kind, const HookState& state,
                 std::chrono::nanoseconds limit,
                 const std::function<void(const std::string&)>& report);

}  // namespace shoji

#endif  // SHOJI_CORE_OCI_HOOKS_H_
