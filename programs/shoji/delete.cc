// shoji delete ID: removes a sandbox and everything of it.
#include <cstdio>

#include "command.h"
#include "exit_status.h"
#include "report.h"

namespace shoji::cli {
namespace {

namespace po = boost::program_options;

void DescribeDelete(po::options_description& options) {
  DescribeFormat(options);
  options.add_options()("force,f", "also when it runs; success when there is none");
}

Status DeleteOne(Runtime& runtime, const std::string& id, bool force) {
  const auto status = runtime.StatusSandbox(id);
  if (!status.ok()) {
    const StatusCode code = status.status().code();
    // A damaged record can only be removed, with whatever still runs in its name.
    if (force && code == StatusCode::kDataLoss) return runtime.DeleteSandbox(id);
    return force && code == StatusCode::kNotFound ? OkStatus() : status.status();
  }
  if (!force && status->state != State::kStopped && !status->vm_pids.empty()) {
    return FailedPrecondition("sandbox \"" + id + "\" is " + std::string(StateName(status->state)) +
                              "; stop it first, or use --force");
  }
  return runtime.DeleteSandbox(id);
}

int RunDelete(const Invocation& invocation) {
  if (invocation.words.size() != 1) {
    return Fail(InvalidArgument("shoji delete takes the id of one sandbox; see shoji list"));
  }
  const std::string& id = invocation.words[0];
  auto runtime = OpenRuntime(invocation);
  if (!runtime.ok()) return Fail(runtime.status());
  const Status status = DeleteOne(**runtime, id, invocation.Has("force"));
  if (!status.ok()) return Fail(status);
  puts(invocation.json() ? OutcomeJson(id, "deleted").c_str() : id.c_str());
  return 0;
}

}  // namespace

const Command kDelete = {"delete", "ID", "Remove a sandbox and everything of it.", DescribeDelete,
                         RunDelete};

}  // namespace shoji::cli
