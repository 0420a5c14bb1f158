// shoji pause ID, shoji resume ID: stops the processes of a sandbox or container where they are.
#include <algorithm>
#include <cstdio>

#include "command.h"
#include "container_of.h"
#include "oci/engine_log.h"
#include "report.h"

namespace shoji::cli {
namespace {

namespace po = boost::program_options;

void DescribePause(po::options_description& options) {
  DescribeFormat(options);
  options.add_options()("container,c", "ID is a container, also where a sandbox has this id");
}

// The id of a pod is that of its first container as well; when it has others, an engine that
// names it means that one and names the others, too. A VM that stands still goes on as a whole.
bool IsContainerOfMany(Runtime& runtime, const std::string& id) {
  const auto sandbox = runtime.StatusSandbox(id);
  if (!sandbox.ok() || sandbox->state == State::kPaused || sandbox->containers.size() < 2) {
    return false;
  }
  const auto& containers = sandbox->containers;
  return std::any_of(containers.begin(), containers.end(),
                     [&](const ContainerStatus& container) { return container.id == id; });
}

Status PauseOrResume(Runtime& runtime, const Invocation& invocation, bool pause) {
  const bool whole =
      !invocation.Has("container") && !IsContainerOfMany(runtime, invocation.words[0]);
  SHOJI_ASSIGN_OR_RETURN(const Target target, FindTarget(runtime, invocation.words[0], whole));
  if (target.container_id.empty())
    return pause ? target.sandbox->Pause() : target.sandbox->Resume();
  return pause ? target.sandbox->PauseContainer(target.container_id)
               : target.sandbox->ResumeContainer(target.container_id);
}

int Run(const Invocation& invocation, bool pause) {
  if (invocation.words.size() != 1) {
    return FailShared(invocation,
                      InvalidArgument(std::string("shoji ") + (pause ? "pause" : "resume") +
                                      " takes the id of one sandbox or container; see shoji list"));
  }
  auto runtime = OpenRuntime(invocation);
  if (!runtime.ok()) return FailShared(invocation, runtime.status());
  const Status status = PauseOrResume(**runtime, invocation, pause);
  if (!status.ok()) return FailShared(invocation, status);
  const std::string& id = invocation.words[0];
  puts(invocation.json() ? OutcomeJson(id, pause ? "paused" : "running").c_str() : id.c_str());
  return 0;
}

int RunPause(const Invocation& invocation) { return Run(invocation, true); }
int RunResume(const Invocation& invocation) { return Run(invocation, false); }

}  // namespace

const Command kPause = {"pause", "ID", "Stop a sandbox or container where it is.", DescribePause,
                        RunPause};
const Command kResume = {"resume", "ID", "Let a paused sandbox or container go on.", DescribePause,
                         RunResume};

}  // namespace shoji::cli
