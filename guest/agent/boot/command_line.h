// The options of the agent on the kernel's command line.
//
// Threads  Values.
// Example  const AgentOptions options = ParseCommandLine("quiet agent.log=debug panic=1");
#ifndef SHOJI_GUEST_AGENT_BOOT_COMMAND_LINE_H_
#define SHOJI_GUEST_AGENT_BOOT_COMMAND_LINE_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "log.h"

namespace shoji::agent {

struct AgentOptions {
  LogLevel log_level = LogLevel::kInfo;      // agent.log
  std::optional<std::uint32_t> log_vport;    // agent.log_vport: log lines for who connects there
  bool devmode = false;                      // agent.devmode: debug messages, core dumps
  bool debug_console = false;                // agent.debug_console: a shell on /dev/console
  std::optional<std::uint32_t> debug_vport;  // agent.debug_console_vport: one per connection
  std::optional<bool> use_vsock;             // agent.use_vsock; else what the machine has
  std::chrono::nanoseconds hotplug_timeout = std::chrono::seconds(3);  // agent.hotplug_timeout
  unsigned container_pipe_size = 0;     // bytes; 0 is the agent's choice
  std::vector<std::string> complaints;  // options of ours with a value that makes no sense
  std::vector<std::string> idle;        // and those that are taken but change nothing
};

// agent.trace has no effect: the agent does not trace. Nor has agent.unified_cgroup_hierarchy:
// it has cgroup v2 and nothing else.
// Never fails: an agent that does not start cannot even say why. Words that are not the
// agent's are skipped, values that make no sense leave the default and a complaint.
AgentOptions ParseCommandLine(std::string_view text);

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_BOOT_COMMAND_LINE_H_
