// shoji stop ID: ends the containers and the VM of a sandbox; its record stays.
#include <cstdio>

#include "command.h"
#include "exit_status.h"
#include "report.h"

namespace shoji::cli {
namespace {

namespace po = boost::program_options;

void DescribeStop(po::options_description& options) {
  DescribeFormat(options);
  options.add_options()("force,f", "do not wait for the guest, end the VM at once");
}

int RunStop(const Invocation& invocation) {
  if (invocation.words.size() != 1) {
    return Fail(InvalidArgument("shoji stop takes the id of one sandbox; see shoji list"));
  }
  const std::string& id = invocation.words[0];
  auto runtime = OpenRuntime(invocation);
  if (!runtime.ok()) return Fail(runtime.status());
  const Status status = (*runtime)->StopSandbox(id, invocation.Has("force"));
  if (!status.ok()) return Fail(status);
  puts(invocation.json() ? OutcomeJson(id, "stopped").c_str() : id.c_str());
  return 0;
}

}  // namespace

const Command kStop = {"stop", "ID", "Stop a sandbox; its record stays until it is deleted.",
                       DescribeStop, RunStop};

}  // namespace shoji::cli
