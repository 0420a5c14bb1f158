// The command line of shoji-validate.
//
// Threads  Safe, no state.
// Example  ParseCommandLine({"--format", "json", "x.so"})->plugin == "x.so"
#ifndef SHOJI_VALIDATE_COMMAND_LINE_H_
#define SHOJI_VALIDATE_COMMAND_LINE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "report.h"
#include "runner.h"
#include "shoji/status.h"

namespace shoji::validate {

struct CommandLine {
  bool help = false;
  bool version = false;
  bool list = false;
  std::string plugin;
  std::vector<std::string> include;  // regular expressions
  std::vector<std::string> exclude;
  std::vector<std::pair<std::string, std::string>> options;
  Format format = Format::kText;
  std::string output;   // empty: standard output
  std::string waivers;  // empty: beside the plugin, if there is one
  std::optional<std::uint64_t> seed;
  bool is_volatile = false;
  RunOptions run;
};

// INVALID_ARGUMENT names the argument and what is allowed.
Result<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments);

std::string HelpText();

}  // namespace shoji::validate

#endif  // SHOJI_VALIDATE_COMMAND_LINE_H_
