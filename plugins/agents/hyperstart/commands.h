// Commands to hyperstart: JSON made of what the core says.
//
// Threads  Functions without state.
// Errors   INVALID_ARGUMENT for what is no specification; UNIMPLEMENTED names what hyperstart
//          cannot do.
// Example  SHOJI_ASSIGN_OR_RETURN(std::string json, NewContainerJson("web", spec));
#ifndef SHOJI_AGENT_HYPERSTART_COMMANDS_H_
#define SHOJI_AGENT_HYPERSTART_COMMANDS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shoji/plugin/agent.h"
#include "shoji/status.h"

namespace shoji::agent_hyperstart {

// startsandbox
Result<std::string> StartSandboxJson(const shoji_sandbox_request& request);
// newcontainer: hyperstart makes the container and runs its process at once.
Result<std::string> NewContainerJson(const std::string& id, std::string_view spec);
// execcmd
Result<std::string> ExecJson(const std::string& container, const std::string& id,
                             std::string_view process);
// killcontainer; `all`: every process of it.
std::string KillJson(const std::string& container, std::uint32_t signal, bool all);
// removecontainer
std::string RemoveJson(const std::string& container);

}  // namespace shoji::agent_hyperstart

#endif  // SHOJI_AGENT_HYPERSTART_COMMANDS_H_
