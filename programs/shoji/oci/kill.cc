// shoji kill ID [SIGNAL]: a signal for the first process of a container, or for all of them.
#include "command.h"
#include "oci/engine.h"
#include "oci/engine_log.h"
#include "oci/signal_name.h"

namespace shoji::cli {
namespace {

void DescribeKill(boost::program_options::options_description& options) {
  options.add_options()("all,a", "every process of the container");
}

Status Kill(const Invocation& invocation) {
  const std::size_t words = invocation.words.size();
  if (words < 1 || words > 2) {
    return InvalidArgument("shoji kill takes a container id and at most one signal");
  }
  const std::string& id = invocation.words[0];
  SHOJI_ASSIGN_OR_RETURN(const int signal, ParseSignal(words == 2 ? invocation.words[1] : "TERM"));
  SHOJI_ASSIGN_OR_RETURN(const auto runtime, OpenRuntime(invocation));
  SHOJI_ASSIGN_OR_RETURN(const ContainerStatus container, FindContainer(*runtime, id));
  if (container.state == State::kStopped) {
    return FailedPrecondition("cannot kill container `" + id + "`: container not running");
  }
  SHOJI_ASSIGN_OR_RETURN(const auto sandbox, runtime->FetchSandbox(container.sandbox_id));
  return sandbox->KillContainer(id, signal, invocation.Has("all"));
}

int RunKill(const Invocation& invocation) {
  const Status killed = Kill(invocation);
  return killed.ok() ? 0 : FailEngine(invocation, killed);
}

}  // namespace

const Command kKill = {"kill",
                       "ID [SIGNAL]",
                       "Send a signal to a container (for engines).",
                       DescribeKill,
                       RunKill,
                       false,
                       CommandGroup::kEngines};

}  // namespace shoji::cli
