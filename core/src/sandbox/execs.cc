// Shims of the processes that joined a container.
//
// A built-in shim is no process and leaves nothing behind, so only the others are recorded.
#include <chrono>
#include <csignal>
#include <utility>

#include "sandbox/object.h"

namespace shoji {
namespace {

constexpr auto kNoteLimit = std::chrono::milliseconds(200);

ExecRecord* FindExec(SandboxRecord& record, const ProcessRef& process) {
  ContainerRecord* const container = record.Find(process.container_id);
  if (container == nullptr) return nullptr;
  for (ExecRecord& exec : container->execs) {
    if (exec.id == process.exec_id) return &exec;
  }
  return nullptr;
}

}  // namespace

// `session`: the shared one in which the process was started. On failure it is ended again.
Status SandboxObject::StartExecShim(Session session, const ProcessRef& process,
                                    const ShimStdio& stdio, Link& link) {
  const auto shim = StartShim(session.record, process, stdio, link);
  if (shim.ok() && shim->pid < 0) return OkStatus();
  const std::int64_t started = session.record.Find(process.container_id)->started_unix_ns;
  const std::string plugin = session.record.shim;
  session.lock.Release();  // or the exclusive one would wait for ever
  const Status noted = shim.ok() ? NoteExec(process, started, *shim) : shim.status();
  if (noted.ok()) return noted;
  (void)link.agent().SignalProcess(context_->call(), process, SIGKILL);
  if (shim.ok()) StopShim(plugin, *shim);
  return Status(noted).WithContext("cannot enter container \"" + process.container_id + "\"");
}

Status SandboxObject::NoteExec(const ProcessRef& process, std::int64_t started_unix_ns,
                               const ProcessId& shim) {
  SHOJI_ASSIGN_OR_RETURN(Session session, Begin(LockMode::kExclusive));
  SHOJI_ASSIGN_OR_RETURN(ContainerRecord* const container,
                         FindContainer(session.record, process.container_id));
  if (container->state == State::kStopped || container->started_unix_ns != started_unix_ns) {
    return Aborted("it was stopped meanwhile");
  }
  container->execs.push_back({process.exec_id, shim.pid, shim.start_ticks});
  return SaveRecord(session.record);
}

// Best effort, as NoteExit(): what stays in the record goes with the container.
void SandboxObject::NoteExecEnd(const ProcessRef& process) {
  const auto metadata = context_->metadata();
  if (!metadata.ok()) return;
  auto record = (*metadata)->Load(id_);
  if (!record.ok() || FindExec(*record, process) == nullptr) return;
  const auto lock = FileLock::Acquire(paths_.lock, LockMode::kExclusive,
                                      Deadline::After(kNoteLimit), Name(), &lock_queue_);
  if (!lock.ok()) return;
  record = (*metadata)->Load(id_);
  const ExecRecord* const exec = record.ok() ? FindExec(*record, process) : nullptr;
  if (exec == nullptr) return;
  StopShim(record->shim, exec->shim());
  std::erase_if(record->Find(process.container_id)->execs,
                [&](const ExecRecord& each) { return each.id == process.exec_id; });
  if (const Status saved = (*metadata)->Save(*record); !saved.ok()) {
    context_->Log(LogLevel::kWarn, saved.message());
  }
}

}  // namespace shoji
