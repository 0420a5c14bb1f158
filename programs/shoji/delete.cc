// shoji delete ID: removes a sandbox and everything of it, or one container of a pod.
#include <unistd.h>

#include <cstdio>

#include "command.h"
#include "oci/engine.h"
#include "oci/engine_log.h"
#include "report.h"

namespace shoji::cli {
namespace {

namespace po = boost::program_options;

void DescribeDelete(po::options_description& options) {
  DescribeFormat(options);
  options.add_options()("force,f", "also when it runs; success when there is none");
}

// Nothing of it runs: its VM is gone, or every container in it has ended.
bool IsStopped(const SandboxStatus& sandbox) {
  if (sandbox.state == State::kStopped || sandbox.vm_pids.empty()) return true;
  for (const ContainerStatus& container : sandbox.containers) {
    if (container.state != State::kStopped) return false;
  }
  return !sandbox.containers.empty();
}

Status NotStopped(const std::string& id, const SandboxStatus& sandbox) {
  for (const ContainerStatus& container : sandbox.containers) {
    if (container.state == State::kStopped || container.id == id) continue;
    return FailedPrecondition("sandbox \"" + id + "\" is not stopped: container \"" + container.id +
                              "\" is " + OciState(container.state) +
                              "; stop it first, or use --force");
  }
  return FailedPrecondition("sandbox \"" + id + "\" is " + std::string(StateName(sandbox.state)) +
                            "; stop it first, or use --force");
}

Status DeleteSandbox(Runtime& runtime, const std::string& id, bool force) {
  const auto status = runtime.StatusSandbox(id);
  if (!status.ok()) {
    // A damaged record can only be removed, with whatever still runs in its name.
    if (force && status.status().code() == StatusCode::kDataLoss) return runtime.DeleteSandbox(id);
    return status.status();
  }
  if (!force && !IsStopped(*status)) return NotStopped(id, *status);
  return runtime.DeleteSandbox(id);
}

Status DeleteMember(Runtime& runtime, const ContainerStatus& container, bool force) {
  if (!force && container.state != State::kStopped) {
    return FailedPrecondition("cannot delete container `" + container.id + "`: it is " +
                              OciState(container.state) + ", not stopped; use --force");
  }
  SHOJI_ASSIGN_OR_RETURN(const auto sandbox, runtime.FetchSandbox(container.sandbox_id));
  if (container.state != State::kStopped) {
    SHOJI_RETURN_IF_ERROR(sandbox->StopContainer(container.id, true));
  }
  return sandbox->DeleteContainer(container.id);
}

Status DeleteOne(Runtime& runtime, const std::string& id, bool force) {
  const auto container = FindContainer(runtime, id);
  const bool member = container.ok() && container->sandbox_id != id;
  const Status deleted =
      member ? DeleteMember(runtime, *container, force) : DeleteSandbox(runtime, id, force);
  const StatusCode code = deleted.code();
  if (code == StatusCode::kNotFound) return force ? OkStatus() : deleted;
  return deleted;
}

void PrintDone(const Invocation& invocation, const std::string& id) {
  if (invocation.json()) {
    puts(OutcomeJson(id, "deleted").c_str());
  } else if (isatty(STDOUT_FILENO) != 0) {  // engines want to read nothing
    puts(id.c_str());
  }
}

int RunDelete(const Invocation& invocation) {
  if (invocation.words.size() != 1) {
    return FailShared(invocation, InvalidArgument("shoji delete takes the id of one sandbox or "
                                                  "container; see shoji list"));
  }
  const std::string& id = invocation.words[0];
  auto runtime = OpenRuntime(invocation);
  if (!runtime.ok()) return FailShared(invocation, runtime.status());
  const Status status = DeleteOne(**runtime, id, invocation.Has("force"));
  if (!status.ok()) return FailShared(invocation, status);
  PrintDone(invocation, id);
  return 0;
}

}  // namespace

const Command kDelete = {"delete", "ID", "Remove a sandbox, or a container of a pod.",
                         DescribeDelete, RunDelete};

}  // namespace shoji::cli
