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
  bool help_all = false;  // every command with its summary
  bool version = false;
};

// INVALID_ARGUMENT names the word that is wrong and the likely right one.
Result<CommandLine> ParseCommandLine(const std::vector<std::string>& args);

// The text that a line with `help` asks for.
std::string HelpText(const CommandLine& line);

// The options before the command.
boost::program_options::options_description GlobalDescription();

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_ARGUMENTS_H_
