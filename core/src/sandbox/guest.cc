// How SandboxObject reaches its guest.
#include <chrono>
#include <utility>

#include "gc/processes.h"
#include "sandbox/held.h"
#include "sandbox/object.h"

namespace shoji {
namespace {

constexpr auto kCloseLimit = std::chrono::seconds(5);

}  // namespace

Result<std::shared_ptr<Vm>> SandboxObject::AttachVmLocked(const SandboxRecord& record) {
  if (vm_ != nullptr && boot_ == record.boot) return vm_;
  // A caller with a record read before the VM was ended must not bring its handle back.
  if (record.vm_state.empty() || record.boot == ended_boot_) {
    return Unavailable(Name() + " has no VM: it is stopped");
  }
  (void)Link::Close(std::exchange(link_, nullptr), false, Deadline::After(kCloseLimit));
  vm_.reset();
  SHOJI_ASSIGN_OR_RETURN(Hypervisor* const hypervisor, context_->hypervisor(record.hypervisor));
  SHOJI_ASSIGN_OR_RETURN(auto attached, hypervisor->Attach(context_->call(), record.vm_state));
  vm_ = std::move(attached.vm);
  boot_ = record.boot;
  return vm_;
}

Result<std::shared_ptr<Vm>> SandboxObject::AttachVm(const SandboxRecord& record) {
  const MutexLock lock(mutex_);
  return AttachVmLocked(record);
}

std::function<bool()> SandboxObject::PausedTeller() const {
  return [context = context_, id = id_] {
    const auto metadata = context->metadata();
    if (!metadata.ok()) return false;
    const auto record = (*metadata)->Load(id);
    return record.ok() && record->state == State::kPaused;
  };
}

Result<std::shared_ptr<Link>> SandboxObject::Connect(const SandboxRecord& record) {
  const MutexLock lock(mutex_);
  if (record.boot == closed_boot_) return Unavailable(Name() + " has no VM: it is stopped");
  SHOJI_ASSIGN_OR_RETURN(auto vm, AttachVmLocked(record));
  if (!VmLives(record)) {
    const std::string words = vm->LastWords();
    return Unavailable("the VM of " + Name() + " has ended" +
                       (words.empty() ? "" : " (" + words + ")"));
  }
  if (link_ != nullptr) return link_;
  SHOJI_ASSIGN_OR_RETURN(auto proxy, context_->plugins().AttachProxy(record.proxy, context_->call(),
                                                                     record.proxy_state));
  SHOJI_ASSIGN_OR_RETURN(auto agent, context_->plugins().OpenAgent(record.agent, *proxy));
  link_ = std::make_shared<Link>(id_, vm, std::move(proxy), std::move(agent), PausedTeller());
  return link_;
}

bool SandboxObject::CloseLink(bool stop_proxy, std::uint64_t closed_boot) {
  std::shared_ptr<Link> link;
  {
    const MutexLock lock(mutex_);
    link = std::exchange(link_, nullptr);
    if (closed_boot != 0) closed_boot_ = closed_boot;
  }
  const bool found = link != nullptr;
  const Status closed = Link::Close(std::move(link), stop_proxy, Deadline::After(kCloseLimit));
  if (!closed.ok()) context_->Log(LogLevel::kWarn, closed.message());
  return found;
}

void SandboxObject::StopProxy(const SandboxRecord& record) {
  if (!VmLives(record) || record.proxy_state.empty()) return;
  const auto proxy =
      context_->plugins().AttachProxy(record.proxy, context_->call(), record.proxy_state);
  const Call call{Deadline::After(kCloseLimit), -1};
  const Status stopped = proxy.ok() ? (*proxy)->Stop(call) : proxy.status();
  if (!stopped.ok()) context_->Log(LogLevel::kInfo, Name() + ": " + stopped.message());
}

void SandboxObject::Reopen() {
  const MutexLock lock(mutex_);
  closed_boot_ = 0;
}

void SandboxObject::DropVm() {
  const MutexLock lock(mutex_);
  vm_.reset();
  network_.reset();
}

void SandboxObject::SetEnded(std::uint64_t boot) {
  const MutexLock lock(mutex_);
  ended_boot_ = boot;
  vm_.reset();
}

Status SandboxObject::DestroyVm(const SandboxRecord& record, bool force) {
  if (record.vm_state.empty()) return OkStatus();
  const auto attached = AttachVm(record);
  if (!attached.ok() && force) {  // its plugin does not know it any more; the marks do
    context_->Log(LogLevel::kWarn, Name() + ": " + attached.status().message());
    return KillProcessesOf(paths_);
  }
  SHOJI_RETURN_IF_ERROR(attached.status());
  const std::shared_ptr<Vm> vm = *attached;
  SetEnded(record.boot);
  if (!force && VmLives(record)) {
    const Status stopped = vm->Stop(context_->call(), false);
    if (!stopped.ok()) {
      context_->Log(LogLevel::kWarn, Name() + ": VM is ended by force: " + stopped.message());
    }
  }
  const Status destroyed = vm->Destroy(context_->call());
  if (!destroyed.ok()) SetEnded(0);  // to be tried again
  return Status(destroyed).WithContext("cannot end the VM of " + Name());
}

}  // namespace shoji
