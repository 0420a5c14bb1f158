// Processes of a sandbox: no lock is held while they are waited for.
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "host/liveness.h"
#include "request/validate.h"
#include "sandbox/io.h"
#include "sandbox/object.h"
#include "shoji/spawn/spawn.h"

namespace shoji {
namespace {

constexpr auto kNoteLimit = std::chrono::milliseconds(200);

}  // namespace

Result<std::shared_ptr<Link>> SandboxObject::ConnectFor(const ProcessRef& process, bool answer) {
  SHOJI_ASSIGN_OR_RETURN(Metadata* const metadata, context_->metadata());
  SHOJI_ASSIGN_OR_RETURN(SandboxRecord record, metadata->Load(id_));
  SHOJI_RETURN_IF_ERROR(FindContainer(record, process.container_id).status());
  if (record.state == State::kStopped) {
    return FailedPrecondition(Name() + " is stopped, its processes are gone");
  }
  if (answer) {
    SHOJI_RETURN_IF_ERROR(
        NotPaused(record, "cannot reach container \"" + process.container_id + "\""));
  }
  return Connect(record);
}

Result<std::int32_t> SandboxObject::WaitProcess(const ProcessRef& process) {
  SHOJI_RETURN_IF_ERROR(ValidateId("process", process.exec_id));
  SHOJI_ASSIGN_OR_RETURN(const auto link, ConnectFor(process, false));
  SHOJI_ASSIGN_OR_RETURN(const ContainerStatus before, StatusContainer(process.container_id));
  SHOJI_ASSIGN_OR_RETURN(const ProcessId shim, ShimOf(process));
  const Call call{Deadline::Never(), link->cancel().fd()};
  auto exit =
      shim.pid > 0 ? WaitForShim(process, shim, *link) : link->agent().WaitProcess(call, process);
  if (!exit.ok()) return link->Explain(exit.status());
  if (process.exec_id == process.container_id) {
    NoteExit(process.container_id, before.started_unix_ns);
  } else {
    NoteExecEnd(process);
  }
  return exit;
}

// Best effort: whoever holds the lock now looks at the container itself.
void SandboxObject::NoteExit(const std::string& container_id, std::int64_t started_unix_ns) {
  const auto lock = FileLock::Acquire(paths_.lock, LockMode::kExclusive,
                                      Deadline::After(kNoteLimit), Name(), &lock_queue_);
  const auto metadata = context_->metadata();
  if (!lock.ok() || !metadata.ok()) return;
  auto record = (*metadata)->Load(id_);
  if (!record.ok()) return;
  ContainerRecord* const container = record->Find(container_id);
  const bool ran = container != nullptr &&
                   (container->state == State::kRunning || container->state == State::kPaused);
  if (!ran || container->started_unix_ns != started_unix_ns) return;
  container->state = State::kStopped;
  if (const Status saved = (*metadata)->Save(*record); !saved.ok()) {
    context_->Log(LogLevel::kWarn, saved.message());
  }
}

Status SandboxObject::SignalOne(const ProcessRef& process, int signal) {
  SHOJI_RETURN_IF_ERROR(ValidateId("process", process.exec_id));
  return Signal(process, signal);
}

// Where a process on the host stands for the container it has a way to the guest, and none has to
// be made for one call. UNAVAILABLE: there is no such process, or it cannot.
Status SandboxObject::SignalByShim(const ProcessRef& process, int signal) {
  SHOJI_ASSIGN_OR_RETURN(Metadata* const metadata, context_->metadata());
  SHOJI_ASSIGN_OR_RETURN(SandboxRecord record, metadata->Load(id_));
  SHOJI_ASSIGN_OR_RETURN(const ContainerRecord* const container,
                         FindContainer(record, process.container_id));
  const Status none =
      Unavailable("no shim of container \"" + process.container_id + "\" passes signals on");
  if (container->shim_pid <= 0 || ShimHasEnded(*container) || !VmLives(record)) return none;
  {
    const MutexLock lock(mutex_);
    if (link_ != nullptr) return none;  // there is a way already
  }
  SHOJI_ASSIGN_OR_RETURN(Shim* const shim, context_->shim(record.shim));
  if (!shim->can_signal()) return none;
  SHOJI_RETURN_IF_ERROR(
      NotPaused(record, "cannot reach container \"" + process.container_id + "\""));
  Shim::Params params;
  params.sandbox_id = id_;
  params.container_id = process.container_id;
  params.exec_id = process.exec_id;
  Status sent = shim->Signal(context_->call(), params, container->shim_pid, signal);
  return sent.code() == StatusCode::kNotFound ? OkStatus() : sent;  // it has ended
}

Status SandboxObject::Signal(const ProcessRef& process, int signal) {
  SHOJI_RETURN_IF_ERROR(ValidateSignal(signal));
  Status by_shim = SignalByShim(process, signal);
  if (by_shim.code() != StatusCode::kUnavailable) return by_shim;
  SHOJI_ASSIGN_OR_RETURN(const auto link, ConnectFor(process, true));
  Status sent = link->agent().SignalProcess(context_->call(), process, signal);
  if (sent.code() == StatusCode::kNotFound) return OkStatus();  // it has ended
  return link->Explain(std::move(sent));
}

Status SandboxObject::WinsizeProcess(const ProcessRef& process, std::uint16_t rows,
                                     std::uint16_t columns) {
  SHOJI_RETURN_IF_ERROR(ValidateId("process", process.exec_id));
  SHOJI_ASSIGN_OR_RETURN(const auto link, ConnectFor(process, true));
  Status told = link->agent().TtyWinResize(context_->call(), process, rows, columns);
  if (told.code() == StatusCode::kUnimplemented) told = RemindShim(process, std::move(told));
  return link->Explain(std::move(told));
}

// A shim looks at its terminal by itself when it gets this signal.
Status SandboxObject::RemindShim(const ProcessRef& process, Status otherwise) {
  SHOJI_ASSIGN_OR_RETURN(const ProcessId shim, ShimOf(process));
  if (shim.pid <= 0) return otherwise;
  const auto pidfd = OpenPidfd(shim.pid);
  const bool same = pidfd.ok() && IsAlive(shim);  // looked at after it was opened
  if (same) (void)syscall(SYS_pidfd_send_signal, pidfd->get(), SIGWINCH, nullptr, 0);
  return OkStatus();
}

Result<std::unique_ptr<ProcessIo>> SandboxObject::IOStream(const ProcessRef& process) {
  SHOJI_RETURN_IF_ERROR(ValidateId("process", process.exec_id));
  SHOJI_ASSIGN_OR_RETURN(const auto link, ConnectFor(process, false));
  return MakeProcessIo(context_, link, process);
}

}  // namespace shoji
