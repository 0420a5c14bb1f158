// The texts of `shoji --help`, `shoji help all` and `shoji COMMAND --help`.
//
// Threads  Safe, no state.
// Example  fputs(OverviewText().c_str(), stdout);
#ifndef SHOJI_PROGRAMS_SHOJI_HELP_H_
#define SHOJI_PROGRAMS_SHOJI_HELP_H_

#include <string>

#include "command.h"

namespace shoji::cli {

// Fits a screen of 80 by 24: the names of the commands by group, and the global options.
std::string OverviewText();
// Every command with what it does.
std::string AllCommandsText();
std::string CommandText(const Command& command);

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_HELP_H_
