// The command line, which is that of kata-proxy.
//
// Purpose  Flags as Go's programs take them: "-name value", "-name=value", "--name ...", and a
//          bool without a value is true.
// Threads  Values.
// Example  const auto options = ParseOptions({"-listen-socket", "/x/proxy.sock", ...});
#ifndef SHOJI_PROGRAMS_PROXY_OPTIONS_H_
#define SHOJI_PROGRAMS_PROXY_OPTIONS_H_

#include <string>
#include <vector>

#include "log.h"
#include "shoji/status.h"

namespace shoji::proxy {

struct Options {
  std::string listen;   // path of our socket
  std::string serial;   // path of the VM's socket
  std::string sandbox;  // named in the log
  std::string console;  // path of the console's socket; empty: nobody watches it
  LogLevel log_level = LogLevel::kWarn;
  bool version = false;
  bool help = false;
};

// INVALID_ARGUMENT names the flag. The sockets are there unless help or version is asked for.
Result<Options> ParseOptions(const std::vector<std::string>& arguments);

// What -help prints.
std::string Usage();

}  // namespace shoji::proxy

#endif  // SHOJI_PROGRAMS_PROXY_OPTIONS_H_
