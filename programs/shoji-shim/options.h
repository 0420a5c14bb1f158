// The command line, which is that of kata-shim.
//
// Threads  Values.
// Example  const auto options = ParseOptions({"-agent", "unix:///x", "-container", "c", ...});
#ifndef SHOJI_PROGRAMS_SHIM_OPTIONS_H_
#define SHOJI_PROGRAMS_SHIM_OPTIONS_H_

#include <string>
#include <vector>

#include "shoji/status.h"

namespace shoji::shim {

struct Options {
  std::string agent;  // unix:///path or vsock://cid:port
  std::string container_id;
  std::string exec_id;
  bool terminal = false;
  bool pass_exit_code = true;
  bool version = false;
  bool help = false;
};

// INVALID_ARGUMENT names the flag. kata-shim's flags for logs and traces are taken and have
// nothing to do here.
Result<Options> ParseOptions(const std::vector<std::string>& arguments);

std::string Usage();

}  // namespace shoji::shim

#endif  // SHOJI_PROGRAMS_SHIM_OPTIONS_H_
