// Splits the command line into global options, command, its options, and words.
//
// Purpose  Boost.Program_options knows no sub-commands and would take the options of the
//          container's command for ours; this cuts the line at the right places first.
// Threads  Safe, no state.
// Example  ParseCommandLine({"run", "-i", "--", "sh", "-c", "true"})
#ifndef SHOJI_PROGRAMS_SHOJI_ARGUMENTS_H_
#define SHOJI_PROGRAMS_SHOJI_ARGUMENTS_H_

#include <string>
#include <vector>

#include "command.h"
#include "shoji/status.h"

namespace shoji::cli {

struct CommandLine {
  const Command* command = nullptr;  // null: help or version was asked for
  Invocation invocation;
  bool help = false;
  bool version = false;
};

// INVALID_ARGUMENT names the word that is wrong and the likely right one.
Result<CommandLine> ParseCommandLine(const std::vector<std::string>& args);

// The text of `shoji --help` (command == nullptr) or `shoji COMMAND --help`.
std::string HelpText(const Command* command);

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_ARGUMENTS_H_
