// Where a guest's serial channel is found.
//
// Threads  Safe.
// Example  SHOJI_ASSIGN_OR_RETURN(config.serial, SerialPath("unix:///run/x/kata.sock"));
#ifndef SHOJI_MUX_SERIAL_PATH_H_
#define SHOJI_MUX_SERIAL_PATH_H_

#include <string>

#include "shoji/status.h"

namespace shoji::mux {

// The path behind unix:///path. INVALID_ARGUMENT for other schemes: their guests need no
// multiplexing.
Result<std::string> SerialPath(const std::string& agent_url);

}  // namespace shoji::mux

#endif  // SHOJI_MUX_SERIAL_PATH_H_
