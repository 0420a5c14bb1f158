// The options of `shoji run` that give a sandbox devices, storages and a network.
//
// Threads  Safe, no state.
// Example  SHOJI_RETURN_IF_ERROR(TakeAttached(invocation, sandbox, container));
#ifndef SHOJI_PROGRAMS_SHOJI_ATTACH_OPTIONS_H_
#define SHOJI_PROGRAMS_SHOJI_ATTACH_OPTIONS_H_

#include <boost/program_options.hpp>
#include <string>

#include "command.h"
#include "shoji/config.h"
#include "shoji/status.h"

namespace shoji::cli {

// Declares --device, --mount, --netns.
void DescribeAttached(boost::program_options::options_description& options);
// Errors name the option and its value.
Status TakeAttached(const Invocation& invocation, SandboxConfig& sandbox,
                    ContainerConfig& container);

// HOST[:GUEST[:rwm]]; the disk of the host and where the container has it. `id`: of the device.
struct DeviceWord {
  DeviceInfo device;
  ContainerDevice inside;
};
Result<DeviceWord> ParseDevice(const std::string& word, const std::string& id);

// "1.5" CPUs: microseconds in a period of 100 ms. `option` stands in the error.
Result<std::int64_t> ParseCpuQuota(const std::string& option, const std::string& text);

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_ATTACH_OPTIONS_H_
