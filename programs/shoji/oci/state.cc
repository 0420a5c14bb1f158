// shoji state ID: what an engine wants to know of a container. The guest is not asked.
#include <cstdio>

#include "command.h"
#include "oci/engine.h"
#include "oci/engine_log.h"
#include "oci/state_json.h"

namespace shoji::cli {
namespace {

void DescribeNothing(boost::program_options::options_description& /*options*/) {}

// One whose hooks run has no record yet.
Result<std::string> CreatingStateOf(Runtime& runtime, const std::string& id) {
  for (const ContainerStatus& container : runtime.ContainersBeingMade()) {
    if (container.id == id) return StateJson(container, Stage::kCreating);
  }
  return NoSuchContainer(id);
}

Result<std::string> StateOf(const Invocation& invocation) {
  SHOJI_ASSIGN_OR_RETURN(const std::string id, TheId(invocation));
  SHOJI_ASSIGN_OR_RETURN(const auto runtime, OpenRuntime(invocation));
  auto found = FindContainer(*runtime, id);
  if (!found.ok()) {
    const bool unknown = found.status().code() == StatusCode::kNotFound;
    return unknown ? CreatingStateOf(*runtime, id) : found.status();
  }
  ContainerStatus container = std::move(*found);
  if (container.shim_pid < 0) {  // built in: the VMM stands for it
    const auto sandbox = runtime->StatusSandbox(container.sandbox_id);
    if (sandbox.ok() && !sandbox->vm_pids.empty()) container.shim_pid = sandbox->vm_pids.front();
  }
  return StateJson(container);
}

int RunState(const Invocation& invocation) {
  const auto state = StateOf(invocation);
  if (!state.ok()) return FailEngine(invocation, state.status());
  puts(state->c_str());
  return 0;
}

}  // namespace

const Command kState = {"state",
                        "ID",
                        "Print the state of a container as JSON (for engines).",
                        DescribeNothing,
                        RunState,
                        false,
                        CommandGroup::kEngines};

}  // namespace shoji::cli
