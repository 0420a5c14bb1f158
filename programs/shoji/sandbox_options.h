// From the options of `shoji run` to a SandboxConfig.
//
// Threads  Safe, no state.
#ifndef SHOJI_PROGRAMS_SHOJI_SANDBOX_OPTIONS_H_
#define SHOJI_PROGRAMS_SHOJI_SANDBOX_OPTIONS_H_

#include <boost/program_options.hpp>

#include "command.h"
#include "shoji/config.h"
#include "shoji/status.h"

namespace shoji::cli {

// Declares --rootfs, --bundle, --name, --cpus, --memory, --hostname, --volume, --device, --mount,
// --netns.
void DescribeSandbox(boost::program_options::options_description& options);

// One sandbox with one container of the same id. Errors name the option and its value;
// without --rootfs and --bundle the sample root file system that quickstart made.
Result<SandboxConfig> SandboxOf(const Invocation& invocation);

// Whether the process of the configuration has a terminal (also by the bundle's word).
bool HasTerminal(const SandboxConfig& config);

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_SANDBOX_OPTIONS_H_
