// The options of the agent on the kernel's command line.
//
// Threads  Values.
// Example  const AgentOptions options = ParseCommandLine("quiet agent.log=debug panic=1");
#ifndef SHOJI_GUEST_AGENT_BOOT_COMMAND_LINE_H_
#define SHOJI_GUEST_AGENT_BOOT_COMMAND_LINE_H_

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "log.h"

namespace shoji::agent {

struct AgentOptions {
  LogLevel log_level = LogLevel::kInfo;
  bool devmode = false;        // agent.devmode
  bool debug_console = false;  // agent.debug_console
  std::chrono::nanoseconds hotplug_timeout = std::chrono::seconds(3);
  unsigned container_pipe_size = 0;     // bytes; 0 is the agent's choice
  std::vector<std::string> complaints;  // options of ours with a value that makes no sense
};

// Never fails: an agent that does not start cannot even say why. Words that are not the
// agent's are skipped, values that make no sense leave the default and a complaint.
AgentOptions ParseCommandLine(std::string_view text);

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_BOOT_COMMAND_LINE_H_
