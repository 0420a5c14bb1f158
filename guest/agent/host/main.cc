// shoji-process-agent: the agent without a VM, for the hypervisor plugin "process". What it does
// is no isolation from a hostile program: its kernel is the host's.

#include <string>
#include <vector>

#include "host/keeper.h"
#include "host/options.h"
#include "log.h"

int main(int argc, char** argv) {
  const auto options =
      shoji::agent::ParseHostOptions(std::vector<std::string>(argv + 1, argv + argc));
  if (options.ok()) return shoji::agent::RunKeeper(*options);
  shoji::agent::Log(shoji::agent::LogLevel::kError, options.status().message());
  return 2;
}
