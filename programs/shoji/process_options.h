// The options that `shoji run` and `shoji exec` have in common: what to run, and as whom.
//
// Threads  Safe, no state.
#ifndef SHOJI_PROGRAMS_SHOJI_PROCESS_OPTIONS_H_
#define SHOJI_PROGRAMS_SHOJI_PROCESS_OPTIONS_H_

#include <boost/program_options.hpp>
#include <string>
#include <vector>

#include "command.h"
#include "process_session.h"
#include "shoji/config.h"
#include "shoji/status.h"

namespace shoji::cli {

// Declares --interactive, --tty, --env, --workdir, --user.
void DescribeProcess(boost::program_options::options_description& options);

// The Cmd for `args` as those options ask for it. INVALID_ARGUMENT for a bad --env or --workdir.
Result<Cmd> CmdOf(const Invocation& invocation, const std::vector<std::string>& args);

SessionOptions SessionOf(const Invocation& invocation);

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_PROCESS_OPTIONS_H_
