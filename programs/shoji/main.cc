// `shoji`: the command for people and, later, the OCI runtime for engines.
#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "arguments.h"
#include "exit_status.h"

int main(int argc, char** argv) {
  using namespace shoji::cli;
  // A reader that goes away is an error of one write, not the end of the program: the
  // sandbox has still to be removed.
  signal(SIGPIPE, SIG_IGN);
  const auto line = ParseCommandLine(std::vector<std::string>(argv + 1, argv + argc));
  if (!line.ok()) return Fail(line.status());
  if (line->help) {
    fputs(HelpText(line->command).c_str(), stdout);
    return 0;
  }
  if (line->version) {
    printf("shoji %s\n", shoji::ApiVersion().c_str());
    return 0;
  }
  return line->command->run(line->invocation);
}
