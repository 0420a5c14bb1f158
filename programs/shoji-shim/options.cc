#include "options.h"

#include "shoji/base/go_flags.h"

namespace shoji::shim {

namespace {

Status CheckComplete(const Options& options) {
  if (options.agent.empty()) return InvalidArgument("-agent is missing");
  if (options.container_id.empty()) return InvalidArgument("-container is missing");
  if (options.exec_id.empty()) return InvalidArgument("-exec-id is missing");
  return OkStatus();
}

}  // namespace

Result<Options> ParseOptions(const std::vector<std::string>& arguments) {
  Options options;
  std::string unused_text;
  bool unused = false;
  GoFlags flags;
  flags.Text("agent", &options.agent);
  flags.Text("container", &options.container_id);
  flags.Text("exec-id", &options.exec_id);
  flags.Bool("terminal", &options.terminal);
  flags.Bool("proxy-exit-code", &options.pass_exit_code);
  flags.Bool("version", &options.version);
  flags.Bool("help", &options.help);
  flags.Bool("h", &options.help);
  for (const char* name : {"log", "agent-logs-socket"}) flags.Text(name, &unused_text);
  for (const char* name : {"debug", "trace"}) flags.Bool(name, &unused);
  SHOJI_RETURN_IF_ERROR(flags.Parse(arguments));
  if (!options.help && !options.version) SHOJI_RETURN_IF_ERROR(CheckComplete(options));
  return options;
}

std::string Usage() {
  return "Usage: shoji-shim -agent URL -container ID -exec-id ID [flags]\n"
         "  -agent URL\n        unix:///path (a proxy's socket), vsock://cid:port or "
         "hvsock:///path:port\n"
         "  -container ID\n        container of the process\n"
         "  -exec-id ID\n        the process; that of the container itself has its id\n"
         "  -terminal\n        the process has a terminal\n"
         "  -proxy-exit-code=false\n        exit with 0 whatever the process does\n"
         "  -version\n        print the version\n"
         "Taken without effect: -log, -debug, -trace, -agent-logs-socket.\n";
}

}  // namespace shoji::shim
