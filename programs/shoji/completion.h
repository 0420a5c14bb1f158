// Scripts that complete `shoji` in a shell, made from the registry of commands.
//
// Purpose  Commands, options and choices stand in the script; ids, plugins and the options of
//          the configuration are asked for with `shoji __complete KIND` when needed.
// Threads  Safe, no state.
// Example  fputs(BashCompletion().c_str(), stdout);
#ifndef SHOJI_PROGRAMS_SHOJI_COMPLETION_H_
#define SHOJI_PROGRAMS_SHOJI_COMPLETION_H_

#include <string>

namespace shoji::cli {

std::string BashCompletion();
std::string ZshCompletion();
std::string FishCompletion();

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_COMPLETION_H_
