// Pause, resume and statistics of a sandbox and its containers.
#include <sys/random.h>

#include <algorithm>
#include <utility>

#include "request/container_stats.h"
#include "sandbox/object.h"
#include "sandbox/state.h"

namespace shoji {
namespace {

constexpr std::size_t kRandomBytes = 64;
constexpr std::int64_t kNanos = 1'000'000'000;

std::string Named(const std::string& container_id) { return "container \"" + container_id + "\""; }

// An agent that does not offer it is no failure.
Status Offered(Status status) {
  return status.code() == StatusCode::kUnimplemented ? OkStatus() : std::move(status);
}

Result<std::string> RandomBytes() {
  std::string bytes(kRandomBytes, '\0');
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    return Internal("the kernel gives no random bytes");
  }
  return bytes;
}

std::string Names(std::initializer_list<State> states) {
  std::string out;
  for (const State state : states) {
    if (!out.empty()) out += " or ";
    out += StateName(state);
  }
  return out;
}

SandboxStats FromVm(const VmStats& stats) {
  return {stats.vcpus,          stats.cpu_ns,           stats.vmm_cpu_ns,
          stats.resident_bytes, stats.block_read_bytes, stats.block_write_bytes};
}

}  // namespace

// ---- the whole sandbox -----------------------------------------------------------------

Status SandboxObject::Pause() {
  SHOJI_ASSIGN_OR_RETURN(Session session, Begin(LockMode::kExclusive));
  SandboxRecord& record = session.record;
  SHOJI_RETURN_IF_ERROR(CheckMove(EffectiveState(record), State::kPaused, Name()));
  SHOJI_ASSIGN_OR_RETURN(const auto vm, AttachVm(record));
  return PauseVm(record, *vm);
}

Status SandboxObject::Resume() {
  SHOJI_ASSIGN_OR_RETURN(Session session, Begin(LockMode::kExclusive));
  SandboxRecord& record = session.record;
  const State state = EffectiveState(record);
  if (state != State::kPaused) {
    return FailedPrecondition("cannot resume " + Name() + ": it is " +
                              std::string(StateName(state)) + ", not paused");
  }
  SHOJI_ASSIGN_OR_RETURN(const auto vm, AttachVm(record));
  return ResumeVm(record, *vm);
}

// The record first: a VM that is called paused and runs can be resumed, while commands would
// wait for one that is called running and stands still.
Status SandboxObject::PauseVm(SandboxRecord& record, Vm& vm) {
  if (!vm.can_pause()) return vm.Pause(context_->call());  // tells why
  record.state = State::kPaused;
  SHOJI_RETURN_IF_ERROR(SaveRecord(record));
  Status paused = vm.Pause(context_->call());
  if (paused.ok()) return paused;
  (void)vm.Resume(context_->call());  // it may have stopped after the time limit
  record.state = State::kRunning;
  if (const Status saved = SaveRecord(record); !saved.ok()) {
    context_->Log(LogLevel::kError, saved.message());
  }
  return std::move(paused).WithContext("cannot pause " + Name());
}

Status SandboxObject::ResumeVm(SandboxRecord& record, Vm& vm) {
  SHOJI_RETURN_IF_ERROR(vm.Resume(context_->call()).WithContext("cannot resume " + Name()));
  record.state = State::kRunning;
  if (const Status saved = SaveRecord(record); !saved.ok()) {
    (void)vm.Pause(context_->call());
    record.state = State::kPaused;
    return saved;
  }
  const auto link = Connect(record);
  const Status woken = link.ok() ? WakeGuest(**link) : link.status();
  if (!woken.ok()) context_->Log(LogLevel::kWarn, Name() + ": " + woken.message());
  return OkStatus();
}

Status SandboxObject::WakeGuest(Link& link) {
  const std::int64_t now = UnixNanos();
  SHOJI_RETURN_IF_ERROR(Offered(
      link.Explain(link.agent().SetTime(context_->call(), now / kNanos, now % kNanos / 1000))));
  SHOJI_ASSIGN_OR_RETURN(const std::string random, RandomBytes());
  return Offered(link.Explain(link.agent().ReseedRandom(context_->call(), random)));
}

Result<SandboxStats> SandboxObject::Stats() {
  // No lock, as for a status: it must not wait for a hung operation.
  SHOJI_ASSIGN_OR_RETURN(Metadata* const metadata, context_->metadata());
  SHOJI_ASSIGN_OR_RETURN(const SandboxRecord record, metadata->Load(id_));
  if (!VmLives(record)) {
    return Unavailable(Name() + " has no VM: it is " + std::string(StateName(State::kStopped)));
  }
  SHOJI_ASSIGN_OR_RETURN(const auto vm, AttachVm(record));
  SHOJI_ASSIGN_OR_RETURN(const VmStats stats, vm->Stats(context_->call()));
  return FromVm(stats);
}

Status SandboxObject::NotPaused(const SandboxRecord& record, const std::string& what) const {
  if (EffectiveState(record) != State::kPaused) return OkStatus();
  return FailedPrecondition(what + ": " + Name() + " is paused, not running");
}

// ---- one container ---------------------------------------------------------------------

Result<std::shared_ptr<Link>> SandboxObject::ConnectTo(const std::string& container_id,
                                                       const std::string& what,
                                                       std::initializer_list<State> wanted) {
  SHOJI_ASSIGN_OR_RETURN(Metadata* const metadata, context_->metadata());
  SHOJI_ASSIGN_OR_RETURN(SandboxRecord record, metadata->Load(id_));
  SHOJI_ASSIGN_OR_RETURN(const ContainerRecord* const container,
                         FindContainer(record, container_id));
  SHOJI_RETURN_IF_ERROR(RunningSandbox(record, what));
  if (std::find(wanted.begin(), wanted.end(), container->state) == wanted.end()) {
    return FailedPrecondition(what + ": it is " + std::string(StateName(container->state)) +
                              ", not " + Names(wanted));
  }
  return Connect(record);
}

Status SandboxObject::FreezeContainer(const std::string& container_id, State from, State to) {
  const bool pause = to == State::kPaused;
  const std::string what = (pause ? "cannot pause " : "cannot resume ") + Named(container_id);
  SHOJI_ASSIGN_OR_RETURN(Session session, Begin(LockMode::kExclusive));
  SandboxRecord& record = session.record;
  SHOJI_ASSIGN_OR_RETURN(ContainerRecord* const container, FindContainer(record, container_id));
  SHOJI_RETURN_IF_ERROR(RunningSandbox(record, what));
  if (container->state != from) {
    return FailedPrecondition(what + ": it is " + std::string(StateName(container->state)) +
                              ", not " + std::string(StateName(from)));
  }
  SHOJI_ASSIGN_OR_RETURN(const auto link, Connect(record));
  const auto tell = [&](bool stop) {
    return stop ? link->agent().PauseContainer(context_->call(), container_id)
                : link->agent().ResumeContainer(context_->call(), container_id);
  };
  if (Status told = link->Explain(tell(pause)); !told.ok()) {
    // One that took too long may come about after all.
    if (told.code() == StatusCode::kDeadlineExceeded) (void)tell(!pause);
    return std::move(told).WithContext(what);
  }
  container->state = to;
  const Status saved = SaveRecord(record);
  if (!saved.ok()) (void)tell(!pause);
  return saved;
}

Status SandboxObject::PauseContainer(const std::string& container_id) {
  return FreezeContainer(container_id, State::kRunning, State::kPaused);
}

Status SandboxObject::ResumeContainer(const std::string& container_id) {
  return FreezeContainer(container_id, State::kPaused, State::kRunning);
}

Result<ContainerStats> SandboxObject::StatsContainer(const std::string& container_id) {
  const std::string what = "cannot tell what " + Named(container_id) + " uses";
  SHOJI_ASSIGN_OR_RETURN(const auto link,
                         ConnectTo(container_id, what, {State::kRunning, State::kPaused}));
  const auto text = link->agent().StatsContainer(context_->call(), container_id);
  if (!text.ok()) return link->Explain(text.status()).WithContext(what);
  auto stats = ParseContainerStats(*text);
  if (!stats.ok()) return stats.status().WithContext(what);
  return stats;
}

Result<std::string> SandboxObject::ProcessListContainer(const std::string& container_id,
                                                        const std::string& format,
                                                        const std::vector<std::string>& args) {
  const std::string what = "cannot list the processes of " + Named(container_id);
  if (format != "json" && format != "table") {
    return InvalidArgument(what + ": format \"" + format + "\" is neither \"json\" nor \"table\"");
  }
  for (const std::string& arg : args) {
    if (arg.find('\0') != std::string::npos) {
      return InvalidArgument(what + ": an argument contains a NUL byte");
    }
  }
  SHOJI_ASSIGN_OR_RETURN(const auto link,
                         ConnectTo(container_id, what, {State::kRunning, State::kPaused}));
  auto text = link->agent().ListProcesses(context_->call(), container_id, format, args);
  if (!text.ok()) return link->Explain(text.status()).WithContext(what);
  return text;
}

}  // namespace shoji
