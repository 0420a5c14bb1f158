// The option registry as Boost.Program_options sees it: flags and environment.
//
// Purpose  One table of OptionSpecs makes `--hypervisor.qemu.memory=512M`, its line in
//          --help, and SHOJI_HYPERVISOR_QEMU_MEMORY.
// Threads  Safe, no state.
// Example
//     const auto description = DescribeOptions(specs);
//     const auto parsed = po::command_line_parser(args).options(description)
//                             .allow_unregistered().run();
//     options.overrides = OverridesOf(parsed, specs);
#ifndef SHOJI_CORE_CONFIG_PROGRAM_OPTIONS_H_
#define SHOJI_CORE_CONFIG_PROGRAM_OPTIONS_H_

#include <boost/program_options.hpp>
#include <string>
#include <utility>
#include <vector>

#include "config/config.h"

namespace shoji {

// One flag for each option; defaults stand in the help text only, so that a variables_map
// holds what was given and nothing else.
boost::program_options::options_description DescribeOptions(const std::vector<OptionSpec>& specs);

// The declared options among what a parser found, in order; the last one wins, but the
// items of a list option add up.
std::vector<std::pair<std::string, std::string>> OverridesOf(
    const boost::program_options::parsed_options& parsed, const std::vector<OptionSpec>& specs);

// "SHOJI_HYPERVISOR_QEMU_MEMORY" for "hypervisor.qemu.memory".
std::string EnvironmentName(const std::string& option);

struct EnvironmentSettings {
  std::vector<std::pair<std::string, std::string>> values;  // option, text
  std::vector<std::string> unknown;                         // names of variables
};
// Reads the SHOJI_... variables of this process. SHOJI_SANDBOX_DIR marks processes and is
// no option. Two options may share a variable ("a.b-c" and "a.b.c"), for plugins name theirs
// as they like; INVALID_ARGUMENT when such a variable is set.
Result<EnvironmentSettings> ReadEnvironment(const std::vector<OptionSpec>& specs);

}  // namespace shoji

#endif  // SHOJI_CORE_CONFIG_PROGRAM_OPTIONS_H_
