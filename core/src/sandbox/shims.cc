// Processes on the host that stand for those in the guest.
//
// One that has ended is the end of what it stands for, as callers see it: nobody has the streams
// any more. What may still run in the guest is ended when its container is started anew, stopped
// or deleted.
#include <poll.h>

#include <cerrno>
#include <utility>

#include "host/liveness.h"
#include "request/validate.h"
#include "sandbox/object.h"
#include "shoji/base/errno.h"
#include "shoji/spawn/spawn.h"

namespace shoji {
namespace {

constexpr auto kTellLimit = std::chrono::seconds(2);

// Also a zombie, which has its number still.
bool IsSame(const ProcessId& process) {
  const auto ticks = StartTicks(process.pid, true);
  return ticks.ok() && *ticks == process.start_ticks;
}

std::string NameOf(const ProcessRef& process, const ProcessId& shim) {
  return "shim " + std::to_string(shim.pid) + " of process \"" + process.exec_id +
         "\" of container \"" + process.container_id + "\"";
}

// True when `fd` is readable, false when the way to the guest was closed first.
Result<bool> AwaitEither(int fd, int closed) {
  pollfd fds[2] = {{fd, POLLIN, 0}, {closed, POLLIN, 0}};
  while (poll(fds, 2, -1) < 0) {
    if (errno != EINTR) return ErrnoStatus(errno, "poll");
  }
  return fds[0].revents != 0;
}

Status Unknown(const std::string& name, const std::string& how) {
  return Unavailable(name + " " + how + ": the exit status of the process is not known");
}

}  // namespace

Status AwaitShim(const ContainerRecord& container, Deadline limit) {
  if (container.shim_pid <= 0) {
    return Unimplemented("neither agent nor shim tells when container \"" + container.config.id +
                         "\" has ended");
  }
  const auto pidfd = OpenPidfd(container.shim_pid);
  while (pidfd.ok() && !ShimHasEnded(container)) {
    pollfd end = {pidfd->get(), POLLIN, 0};
    if (poll(&end, 1, limit.PollTimeout()) > 0) break;
    if (limit.passed()) {
      return DeadlineExceeded("shim " + std::to_string(container.shim_pid) + " does not end");
    }
  }
  return OkStatus();
}

bool ShimHasEnded(const ContainerRecord& container) {
  return container.shim_pid > 0 && container.shim_start_ticks != 0 && !IsAlive(container.shim());
}

Result<ProcessId> SandboxObject::StartShim(const SandboxRecord& record, const ProcessRef& process,
                                           const ShimStdio& stdio, Link& link) {
  SHOJI_ASSIGN_OR_RETURN(Shim* const shim, context_->shim(record.shim));
  SHOJI_ASSIGN_OR_RETURN(const Proxy::Info proxy, link.proxy().GetInfo());
  const ContainerRecord* const container = record.Find(process.container_id);
  const bool joins = process.exec_id != process.container_id;
  Shim::Params params;
  params.sandbox_id = id_;
  params.container_id = process.container_id;
  params.exec_id = process.exec_id;
  params.proxy_url = proxy.url;
  params.terminal = stdio.terminal;
  params.console = stdio.console;
  params.detach = stdio.detach;
  params.netns = record.config.network.netns;
  if (joins && container != nullptr && container->shim_pid > 0)
    params.join_pid = container->shim_pid;
  auto token = link.agent().ShimToken(context_->call(), process);
  if (!token.ok()) return link.Explain(token.status());
  params.token = std::move(*token);
  SHOJI_ASSIGN_OR_RETURN(const std::int32_t pid, shim->Start(context_->call(), params));
  if (pid <= 0) return ProcessId{pid, 0};
  const auto ticks = StartTicks(pid, true);
  const ProcessId started{pid, ticks.ok() ? *ticks : 0};
  // One that joins the container of another process is inherited when we end. Where the
  // container's shim is ours too, that one's end waits until we have reaped all others.
  const bool inherited =
      joins && container != nullptr && context_->shim_children().Find(container->shim()) == nullptr;
  context_->shim_children().Add(started, inherited);
  if (const Status joined = JoinCgroup(record, pid); !joined.ok()) {
    StopShim(record.shim, started);
    return joined;
  }
  return started;
}

void SandboxObject::StopShim(const std::string& shim_id, const ProcessId& process) {
  if (process.pid < 0) return;
  const bool gone = process.start_ticks != 0 && !IsSame(process);
  if (!gone) {
    const auto shim = context_->shim(shim_id);
    const Status stopped = shim.ok() ? (*shim)->Stop(context_->call(), process.pid) : shim.status();
    if (!stopped.ok()) context_->Log(LogLevel::kWarn, Name() + ": " + stopped.message());
  }
  context_->shim_children().Forget(process);
}

void SandboxObject::StopShims(const SandboxRecord& record, const ContainerRecord& container) {
  for (const ExecRecord& exec : container.execs) StopShim(record.shim, exec.shim());
  StopShim(record.shim, container.shim());
}

Result<ProcessId> SandboxObject::ShimOf(const ProcessRef& process) {
  SHOJI_ASSIGN_OR_RETURN(Metadata* const metadata, context_->metadata());
  SHOJI_ASSIGN_OR_RETURN(SandboxRecord record, metadata->Load(id_));
  SHOJI_ASSIGN_OR_RETURN(const ContainerRecord* const container,
                         FindContainer(record, process.container_id));
  if (process.exec_id == process.container_id) return container->shim();
  for (const ExecRecord& exec : container->execs) {
    if (exec.id == process.exec_id) return exec.shim();
  }
  if (container->shim_pid < 0) return container->shim();  // nor has any other
  return NotFound("container \"" + process.container_id + "\" has no process \"" + process.exec_id +
                  "\"");
}

Result<std::int32_t> SandboxObject::ShimPid(const ProcessRef& process) {
  SHOJI_RETURN_IF_ERROR(ValidateId("process", process.exec_id));
  SHOJI_ASSIGN_OR_RETURN(const ProcessId shim, ShimOf(process));
  return shim.pid;
}

// What the guest knows, asked when the shim has ended and cannot be taken at its word.
Result<std::int32_t> SandboxObject::AskForExit(const ProcessRef& process, const ProcessId& shim,
                                               Link& link) {
  auto exit =
      link.agent().WaitProcess(Call{Deadline::After(kTellLimit), link.cancel().fd()}, process);
  if (exit.status().code() == StatusCode::kDeadlineExceeded) {
    return Unknown(NameOf(process, shim), "has ended");  // the process goes on
  }
  return exit.ok() ? exit : Result<std::int32_t>(link.Explain(exit.status()));
}

// Of a shim that was our child.
Result<std::int32_t> SandboxObject::ExitOf(const ProcessRef& process, const ProcessId& shim,
                                           const ExitStatus& status, Link& link) {
  if (status.signal != 0) return Unknown(NameOf(process, shim), "was " + status.ToString());
  // 1 and 2 stand for failures of the shim, too: only the guest can tell.
  if (status.code != 1 && status.code != 2) return status.code;
  auto exit = AskForExit(process, shim, link);
  // An exec is asked for once, and of some agents none at all.
  const StatusCode code = exit.status().code();
  const bool told = code == StatusCode::kNotFound || code == StatusCode::kUnimplemented;
  return told ? Result<std::int32_t>(status.code) : exit;
}

// Its shim ends when everything the process said is written, and is waited for as long as that
// takes. Its exit status is that of the process; whoever is not its parent asks the guest, which
// knows the status of a container's own process for good.
Result<std::int32_t> SandboxObject::WaitForShim(const ProcessRef& process, const ProcessId& shim,
                                                Link& link) {
  const Status closed = Cancelled("the way to the guest was closed");
  if (const auto end = context_->shim_children().Find(shim)) {
    SHOJI_ASSIGN_OR_RETURN(const bool ended, AwaitEither(end->fd(), link.cancel().fd()));
    if (!ended) return link.Explain(closed);
    if (const auto status = end->status()) return ExitOf(process, shim, *status, link);
  } else if (auto pidfd = OpenPidfd(shim.pid); pidfd.ok() && IsSame(shim)) {
    SHOJI_ASSIGN_OR_RETURN(const bool ended, AwaitEither(pidfd->get(), link.cancel().fd()));
    if (!ended) return link.Explain(closed);
  }
  if (process.exec_id == process.container_id) {
    auto exit = AskForExit(process, shim, link);
    if (exit.status().code() != StatusCode::kUnimplemented) return exit;
  }
  return Unknown(NameOf(process, shim), "has ended");
}

}  // namespace shoji
