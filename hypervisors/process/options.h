// The plugin's options and what a VM's configuration must be.
//
// Threads  Pure functions, except for what looks at the file system.
// Example  SHOJI_ASSIGN_OR_RETURN(Options options, ReadOptions(host, map));
#ifndef SHOJI_HYPERVISORS_PROCESS_OPTIONS_H_
#define SHOJI_HYPERVISORS_PROCESS_OPTIONS_H_

#include <string>
#include <vector>

#include "shoji/sdk/hypervisor.h"

namespace shoji::process {

struct Options {
  std::string agent;  // path of shoji-process-agent
  bool hybrid_vsock = false;
};

// FAILED_PRECONDITION unless allow_insecure is set.
Result<Options> ReadOptions(const sdk::Host& host, const sdk::OptionMap& map);

// INVALID_ARGUMENT, NOT_FOUND or UNIMPLEMENTED names the field. Kernel, initrd, image and amount
// of memory do not matter: the kernel is the host's.
Status CheckConfig(const sdk::VmConfig& config);

// Those words of the kernel's command line that are for the agent.
std::vector<std::string> AgentWords(const std::string& kernel_params);

// Whether it can be the tag of a share here: [A-Za-z0-9_.-]{1,64}, no name of a directory.
bool IsTag(std::string_view tag);

}  // namespace shoji::process

#endif  // SHOJI_HYPERVISORS_PROCESS_OPTIONS_H_
