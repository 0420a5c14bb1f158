// `shoji`: the command for people and, later, the OCI runtime for engines.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "arguments.h"
#include "crash_note.h"
#include "exit_status.h"
#include "oci/engine.h"
#include "plugin/current_plugin.h"

int main(int argc, char** argv) {
  using namespace shoji::cli;
  // A reader that goes away is an error of one write, not the end of the program: the
  // sandbox has still to be removed.
  signal(SIGPIPE, SIG_IGN);
  InstallCrashNote();
  const auto line = ParseCommandLine(std::vector<std::string>(argv + 1, argv + argc));
  if (!line.ok()) return Fail(line.status());
  if (line->help) {
    fputs(HelpText(*line).c_str(), stdout);
    return 0;
  }
  if (line->version) {
    printf("shoji version %s\nspec: %s\n", shoji::ApiVersion().c_str(), kOciVersion);
    return 0;
  }
  const int status = line->command->run(line->invocation);
  if (shoji::SomePluginWasGivenUp()) {
    // Its thread may hold what exit() would wait for.
    fflush(nullptr);
    _exit(status);
  }
  return status;
}
