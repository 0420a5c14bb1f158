// Start, stop, delete and release of a whole sandbox.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "gc/processes.h"
#include "host/mount.h"
#include "sandbox/held.h"
#include "sandbox/left_network.h"
#include "sandbox/object.h"
#include "sandbox/state.h"
#include "sandbox/watch.h"
#include "shoji/base/file.h"

namespace shoji {
namespace {

constexpr auto kGoodbyeLimit = std::chrono::seconds(3);
// For a guest to end its containers, when its VM is ended in any case.
constexpr auto kForceLimit = std::chrono::seconds(3);
constexpr int kRemoveTries = 100;

// Who waits for the lock may make its file again when it has just been removed; finding no
// record, that one leaves.
Status RemoveDir(const std::string& dir) {
  Status removed = RemoveTree(dir);
  for (int i = 1; i < kRemoveTries && removed.sys_errno() == ENOTEMPTY; ++i) {
    removed = RemoveTree(dir);
  }
  return removed;
}

// A shim removes its socket when it ends by itself. Where it is left the process in the guest may
// go on: its end says nothing.
bool ShimWasKilled(const SandboxPaths& paths, const ContainerRecord& container) {
  return access((paths.shims + "/" + container.config.id).c_str(), F_OK) == 0;
}

// Whether the guest has something to do before its VM is ended by force: processes to end, disks
// to write back, hooks to run. All that has ended was written to the host before.
bool GuestHasWork(const SandboxRecord& record, const SandboxPaths& paths) {
  if (!record.config.guest_hook_path.empty()) return true;
  if (!record.storages.empty() || !record.devices.empty()) return true;
  return std::any_of(record.containers.begin(), record.containers.end(),
                     [&](const ContainerRecord& container) {
                       return container.state != State::kStopped &&
                              (!ShimHasEnded(container) || ShimWasKilled(paths, container));
                     });
}

}  // namespace

Result<FileLock> SandboxObject::Lock(LockMode mode) {
  const Deadline limit = Deadline::After(context_->settings().lock_limit);
  auto lock = FileLock::Acquire(paths_.lock, mode, limit, Name(), &lock_queue_);
  if (lock.ok() || lock.status().code() != StatusCode::kNotFound) return lock;
  SHOJI_ASSIGN_OR_RETURN(Metadata* const metadata, context_->metadata());
  const Status record = metadata->Load(id_).status();
  if (!record.ok() && record.code() != StatusCode::kDataLoss) return record;
  // A record whose directory somebody removed: it must still be possible to delete it.
  SHOJI_RETURN_IF_ERROR(MakeDirs(paths_.dir, 0700));
  return FileLock::Acquire(paths_.lock, mode, limit, Name(), &lock_queue_);
}

Result<SandboxObject::Session> SandboxObject::Begin(LockMode mode) {
  SHOJI_ASSIGN_OR_RETURN(FileLock lock, Lock(mode));
  SHOJI_ASSIGN_OR_RETURN(Metadata* const metadata, context_->metadata());
  SHOJI_ASSIGN_OR_RETURN(SandboxRecord record, metadata->Load(id_));
  return Session{std::move(lock), std::move(record)};
}

Status SandboxObject::SaveRecord(const SandboxRecord& record) {
  SHOJI_ASSIGN_OR_RETURN(Metadata* const metadata, context_->metadata());
  return metadata->Save(record);
}

Status SandboxObject::Start(bool again) {
  SHOJI_ASSIGN_OR_RETURN(Session session, Begin(LockMode::kExclusive));
  SandboxRecord& record = session.record;
  record.state = EffectiveState(record);
  if (record.state == State::kPaused) {
    return FailedPrecondition("cannot start " + Name() + ": it is paused, not ready; resume it");
  }
  SHOJI_RETURN_IF_ERROR(CheckMove(record.state, State::kRunning, Name()));
  const bool restart = record.state == State::kStopped;
  UndoStack undo;
  if (restart) {
    SHOJI_RETURN_IF_ERROR(Restart(record, undo));
  }
  UndoStack stop_started;
  if (const Status started = StartReady(record, stop_started); !started.ok()) {
    if (restart || !again) {
      stop_started.Commit();  // the VM goes, and they with it
    } else {
      stop_started.Run();
    }
    // After a restart the VM goes too, and the record stays that of a stopped sandbox.
    if (!restart) (void)SaveRecord(record);
    return started;
  }
  record.state = State::kRunning;
  SHOJI_RETURN_IF_ERROR(SaveRecord(record));
  stop_started.Commit();
  undo.Commit();
  return OkStatus();
}

Status SandboxObject::StartReady(SandboxRecord& record, UndoStack& undo) {
  SHOJI_ASSIGN_OR_RETURN(const auto link, Connect(record));
  for (ContainerRecord& container : record.containers) {
    if (container.state != State::kReady) continue;
    undo.Push([this, &record, &container] { MakeReadyAgain(record, container); });
    SHOJI_RETURN_IF_ERROR(StartInGuest(record, container, *link));
  }
  return OkStatus();
}

void SandboxObject::MakeReadyAgain(const SandboxRecord& record, ContainerRecord& container) {
  const auto link = Connect(record);
  Status made = link.status();
  if (made.ok()) made = StopInGuest(container, **link, true);
  if (made.ok()) {
    made = (*link)->Explain(
        (*link)->agent().RemoveContainer(context_->call(), container.config.id, kRemoveSeconds));
    if (made.code() == StatusCode::kNotFound) made = OkStatus();
  }
  if (made.ok()) {
    StopShims(record, container);
    UndoStack undo;
    made = CreateInGuest(record, container, **link, undo);
    if (made.ok()) undo.Commit();
  }
  if (made.ok()) return;
  container.state = State::kStopped;
  context_->Log(LogLevel::kWarn,
                "container \"" + container.config.id + "\" stays stopped: " + made.message());
}

Status SandboxObject::Restart(SandboxRecord& record, UndoStack& undo) {
  SHOJI_RETURN_IF_ERROR(Teardown(record, true));
  std::vector<ContainerConfig> configs;
  for (const auto& container : record.containers) configs.push_back(container.config);
  SHOJI_RETURN_IF_ERROR(Boot(record, configs, undo));
  record.state = State::kReady;
  record.released = false;  // the new VM belongs to who started it
  return OkStatus();
}

Status SandboxObject::Stop(bool force) {
  SHOJI_ASSIGN_OR_RETURN(Session session, Begin(LockMode::kExclusive));
  return StopLocked(session.record, force);
}

Status SandboxObject::StopLocked(SandboxRecord& record, bool force) {
  if (record.state == State::kStopped && record.vm_state.empty()) return OkStatus();
  SpanTimer span(*context_, "sandbox.teardown");
  const bool frozen = record.state == State::kPaused;
  if (VmLives(record) && frozen && !force) {
    SHOJI_ASSIGN_OR_RETURN(const auto vm, AttachVm(record));
    SHOJI_RETURN_IF_ERROR(ResumeVm(record, *vm));
  }
  // A guest that stands still can do nothing.
  if (VmLives(record) && !(force && (frozen || !GuestHasWork(record, paths_)))) {
    const Status stopped = StopContainers(record, force);
    if (!stopped.ok() && !force) {
      (void)SaveRecord(record);
      return stopped;
    }
  }
  SHOJI_RETURN_IF_ERROR(Teardown(record, force));
  record.state = State::kStopped;
  SHOJI_RETURN_IF_ERROR(SaveRecord(record));
  span.Finish();
  return OkStatus();
}

// Failures of a guest whose VM ends meanwhile are none: it is to be stopped anyway.
Status SandboxObject::StopContainers(SandboxRecord& record, bool force) {
  const auto link = Connect(record);
  if (!link.ok()) return VmLives(record) ? link.status() : OkStatus();
  const Deadline limit = force ? Deadline::After(kForceLimit) : Deadline::Never();
  for (ContainerRecord& container : record.containers) {
    if (container.state != State::kRunning && container.state != State::kPaused) continue;
    const Status stopped = StopInGuest(container, **link, force, limit);
    if (!stopped.ok() && (*link)->VmGone()) return OkStatus();
    if (!stopped.ok()) return stopped;
  }
  const Call goodbye{Deadline::After(kGoodbyeLimit), -1};
  if (const Status left = (*link)->agent().DestroySandbox(goodbye); !left.ok()) {
    context_->Log(LogLevel::kInfo, Name() + ": the guest did not take leave: " + left.message());
  }
  return OkStatus();
}

Status SandboxObject::Teardown(SandboxRecord& record, bool force) {
  // Where a process has ended its shim may have output left, which comes through the proxy. The
  // others end when the VM is gone.
  for (const ContainerRecord& container : record.containers) {
    if (container.state == State::kStopped) StopShims(record, container);
  }
  if (!CloseLink(true, record.boot)) StopProxy(record);
  if (const Status destroyed = DestroyVm(record, force); !destroyed.ok()) {
    Reopen();
    return destroyed;
  }
  for (const ContainerRecord& container : record.containers) {
    if (container.state != State::kStopped) StopShims(record, container);
  }
  SHOJI_RETURN_IF_ERROR(LeaveNetwork(record, force));
  SHOJI_RETURN_IF_ERROR(share_.RemoveAll());
  SHOJI_RETURN_IF_ERROR(RemoveHeld(paths_));
  if (const Status removed = RemoveCgroup(record); !removed.ok()) {
    if (!force) return removed;
    context_->Log(LogLevel::kWarn, Name() + ": " + removed.message());  // garbage collection will
  }
  record.vm_state.clear();
  record.proxy_state.clear();
  record.vm_processes.clear();
  for (ContainerRecord& container : record.containers) {
    container.state = State::kStopped;
    container.set_shim({-1, 0});
    container.execs.clear();
    container.share_entries.clear();
    RunPoststop(record, container);
  }
  return OkStatus();
}

Status SandboxObject::Delete() {
  SHOJI_ASSIGN_OR_RETURN(const FileLock lock, Lock(LockMode::kExclusive));
  SHOJI_ASSIGN_OR_RETURN(Metadata* const metadata, context_->metadata());
  auto record = metadata->Load(id_);
  if (record.ok()) {
    SHOJI_RETURN_IF_ERROR(StopLocked(*record, true));
  } else if (record.status().code() == StatusCode::kDataLoss) {
    CloseLink(true);
    DropVm();
    SHOJI_RETURN_IF_ERROR(KillProcessesOf(paths_));
    if (const Status left = LeaveLeftNetwork(*context_, paths_); !left.ok()) {
      context_->Log(LogLevel::kWarn, Name() + ": " + left.message());
    }
  } else {
    return record.status();
  }
  SHOJI_RETURN_IF_ERROR(metadata->Remove(id_));
  SHOJI_RETURN_IF_ERROR(UnmountBelow(paths_.dir));
  SHOJI_RETURN_IF_ERROR(RemoveHeld(paths_));
  SHOJI_RETURN_IF_ERROR(RemoveDir(paths_.dir));
  DropOwnership();
  return OkStatus();
}

Status SandboxObject::Release() {
  SHOJI_ASSIGN_OR_RETURN(Session session, Begin(LockMode::kExclusive));
  session.record.released = true;
  SHOJI_RETURN_IF_ERROR(SaveRecord(session.record));
  std::shared_ptr<SandboxWatch> watch;
  {
    const MutexLock lock(mutex_);
    watch = watch_.lock();
  }
  if (watch != nullptr) watch->Close();
  CloseLink(false);
  DropVm();
  DropOwnership();
  return OkStatus();
}

void SandboxObject::DropOwnership() {
  {
    const MutexLock lock(mutex_);
    owner_.Release();
  }
  context_->ForgetObject(id_);
}

}  // namespace shoji
