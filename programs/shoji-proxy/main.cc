// shoji-proxy: many connections to the agent over the one serial channel of a VM.
#include <cstdio>
#include <string>
#include <vector>

#include "log.h"
#include "options.h"
#include "serve.h"

int main(int argc, char** argv) {
  using namespace shoji::proxy;
  const auto options = ParseOptions(std::vector<std::string>(argv + 1, argv + argc));
  if (!options.ok()) {
    fprintf(stderr, "shoji-proxy: %s\n", options.status().message().c_str());
    return 2;
  }
  if (options->help) return fputs(Usage().c_str(), stdout) < 0 ? 1 : 0;
  if (options->version) return puts("shoji-proxy version " SHOJI_VERSION) < 0 ? 1 : 0;
  const Log log(options->log_level, options->sandbox);
  const shoji::Status ended = Serve(*options, log);
  if (ended.ok()) return 0;
  log.Write(LogLevel::kFatal, ended.message());
  return 1;
}
