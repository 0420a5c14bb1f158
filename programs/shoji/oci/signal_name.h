// Signals by name or number.
//
// Threads  Safe, no state.
// Example  SHOJI_ASSIGN_OR_RETURN(const int signal, ParseSignal("SIGTERM"));  // "TERM", "15"
#ifndef SHOJI_PROGRAMS_SHOJI_OCI_SIGNAL_NAME_H_
#define SHOJI_PROGRAMS_SHOJI_OCI_SIGNAL_NAME_H_

#include <string>

#include "shoji/status.h"

namespace shoji::cli {

// With or without SIG, in any case; "RTMIN+3"; a number from 1.
Result<int> ParseSignal(const std::string& word);

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_OCI_SIGNAL_NAME_H_
