// shoji start ID: runs the command of a container that was created.
#include "command.h"
#include "oci/engine.h"
#include "oci/engine_log.h"

namespace shoji::cli {
namespace {

void DescribeNothing(boost::program_options::options_description& /*options*/) {}

Status CheckCreated(const ContainerStatus& container) {
  if (container.state == State::kReady) return OkStatus();
  if (container.state == State::kStopped) {
    return FailedPrecondition("cannot start container `" + container.id + "`: it has stopped");
  }
  return FailedPrecondition("cannot start container `" + container.id + "`: it is " +
                            OciState(container.state) + " already");
}

Status Start(const Invocation& invocation) {
  SHOJI_ASSIGN_OR_RETURN(const std::string id, TheId(invocation));
  SHOJI_ASSIGN_OR_RETURN(const auto runtime, OpenRuntime(invocation));
  SHOJI_ASSIGN_OR_RETURN(const ContainerStatus container, FindContainer(*runtime, id));
  SHOJI_RETURN_IF_ERROR(CheckCreated(container));
  SHOJI_ASSIGN_OR_RETURN(const auto sandbox, runtime->FetchSandbox(container.sandbox_id));
  return InEngineWords(sandbox->StartContainer(id),
                       container.args.empty() ? id : container.args[0]);
}

int RunStart(const Invocation& invocation) {
  const Status started = Start(invocation);
  return started.ok() ? 0 : FailEngine(invocation, started);
}

}  // namespace

const Command kStart = {"start",
                        "ID",
                        "Run the command of a created container (for engines).",
                        DescribeNothing,
                        RunStart,
                        false,
                        CommandGroup::kEngines};

}  // namespace shoji::cli
