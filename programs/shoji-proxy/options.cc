#include "options.h"

#include "shoji/base/go_flags.h"

namespace shoji::proxy {

namespace {

// A path, or a URL of scheme unix.
Status SocketPath(const char* flag, std::string* text) {
  const std::string path = text->starts_with("unix://") ? text->substr(7) : *text;
  if (path.empty() || path[0] != '/') {
    return InvalidArgument(std::string("-") + flag + " is \"" + *text +
                           "\"; write unix:///absolute/path or /absolute/path");
  }
  *text = path;
  return OkStatus();
}

Status CheckSockets(Options* options) {
  if (options->listen.empty()) return InvalidArgument("-listen-socket is missing");
  if (options->serial.empty()) return InvalidArgument("-mux-socket is missing");
  SHOJI_RETURN_IF_ERROR(SocketPath("listen-socket", &options->listen));
  SHOJI_RETURN_IF_ERROR(SocketPath("mux-socket", &options->serial));
  if (options->console.empty()) return OkStatus();
  return SocketPath("agent-logs-socket", &options->console);
}

}  // namespace

Result<Options> ParseOptions(const std::vector<std::string>& arguments) {
  Options options;
  std::string level = "warn";
  bool debug = false;
  GoFlags flags;
  flags.Text("listen-socket", &options.listen);
  flags.Text("mux-socket", &options.serial);
  flags.Text("sandbox", &options.sandbox);
  flags.Text("log", &level);
  flags.Text("agent-logs-socket", &options.console);
  flags.Bool("debug", &debug);
  flags.Bool("version", &options.version);
  flags.Bool("help", &options.help);
  flags.Bool("h", &options.help);
  SHOJI_RETURN_IF_ERROR(flags.Parse(arguments));
  SHOJI_ASSIGN_OR_RETURN(options.log_level, ParseLogLevel(level));
  if (debug && options.log_level < LogLevel::kDebug) options.log_level = LogLevel::kDebug;
  if (!options.help && !options.version) SHOJI_RETURN_IF_ERROR(CheckSockets(&options));
  return options;
}

std::string Usage() {
  return "Usage: shoji-proxy -listen-socket URL -mux-socket URL [flags]\n"
         "  -listen-socket URL\n        unix socket to listen on\n"
         "  -mux-socket URL\n        unix socket of the VM's serial channel\n"
         "  -agent-logs-socket URL\n        unix socket of the VM's console, which is logged\n"
         "  -sandbox ID\n        sandbox, named in the log\n"
         "  -log LEVEL\n        panic, fatal, error, warn, info, debug or trace (default warn)\n"
         "  -debug\n        as -log debug\n"
         "  -version\n        print the version\n";
}

}  // namespace shoji::proxy
