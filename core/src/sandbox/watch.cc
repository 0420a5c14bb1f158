#include "sandbox/watch.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>

#include <cerrno>

#include "shoji/base/errno.h"
#include "shoji/base/file.h"

namespace shoji {
namespace {

// Whoever changes a sandbox opens its lock for writing and closes it when the record is saved.
constexpr std::uint32_t kLockEvents = IN_CLOSE_WRITE | IN_DELETE_SELF | IN_ATTRIB;
constexpr int kNoStatus = -1;

bool Has(const pollfd& item) { return item.fd >= 0 && item.revents != 0; }

// What was read says nothing: the record does.
void Drain(int fd) {
  char buffer[4096];
  while (read(fd, buffer, sizeof(buffer)) > 0) {
  }
}

}  // namespace

Result<std::shared_ptr<SandboxWatch>> SandboxWatch::Start(std::shared_ptr<SandboxObject> object) {
  std::shared_ptr<SandboxWatch> watch(new SandboxWatch(std::move(object)));
  SHOJI_RETURN_IF_ERROR(watch->Open());
  watch->thread_ = std::thread([self = watch.get()] { self->Run(); });
  return watch;
}

// Under the lock, so that nothing happens between what is read here and what is told later.
Status SandboxWatch::Open() {
  SHOJI_ASSIGN_OR_RETURN(const auto session, object_->Begin(LockMode::kShared));
  boot_ = session.record.boot;
  SHOJI_RETURN_IF_ERROR(WatchLock());
  if (session.record.vm_state.empty()) return OkStatus();
  vm_ended_ = !VmLives(session.record);
  const auto vm = object_->AttachVm(session.record);
  if (!vm.ok()) return vm_ended_ ? OkStatus() : vm.status();
  // Of our own: the plugin closes its descriptor when the VM is destroyed.
  if ((*vm)->wait_fd() >= 0) vm_end_.reset(fcntl((*vm)->wait_fd(), F_DUPFD_CLOEXEC, 0));
  return OkStatus();
}

Status SandboxWatch::WatchLock() {
  changes_.reset(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  const char* const path = object_->paths_.lock.c_str();
  if (changes_ && inotify_add_watch(changes_.get(), path, kLockEvents) >= 0) return OkStatus();
  return ErrnoStatus(errno, std::string("cannot watch ") + path);
}

SandboxWatch::~SandboxWatch() {
  stop_.Trigger();
  if (thread_.joinable()) thread_.join();
  for (auto& [key, waiter] : waiters_) waiter.cancel->Trigger();
  for (auto& [key, waiter] : waiters_) waiter.thread.join();
}

void SandboxWatch::Add(const std::shared_ptr<EventQueue>& queue) {
  const MutexLock lock(mutex_);
  std::erase_if(queues_, [](const auto& other) { return other.expired(); });
  queues_.push_back(queue);
  for (const SandboxEvent& event : standing_) queue->Push(event);
}

void SandboxWatch::Close() {
  const MutexLock arming(arming_);  // a way to the guest that is just being made is seen by others
  const MutexLock lock(mutex_);
  over_ = true;
  stop_.Trigger();
  for (const auto& each : queues_) {
    if (const auto queue = each.lock()) queue->Cancel();
  }
}

bool SandboxWatch::over() {
  const MutexLock lock(mutex_);
  return over_;
}

void SandboxWatch::Emit(SandboxEvent event) {
  const MutexLock lock(mutex_);
  for (const auto& each : queues_) {
    if (const auto queue = each.lock()) queue->Push(event);
  }
  if (event.kind == Kind::kStopped) over_ = true;
  if (event.kind != Kind::kContainerExit && event.kind != Kind::kOutOfMemory) {
    standing_.push_back(std::move(event));
  }
}

// ---- the thread of the watch -------------------------------------------------------------

void SandboxWatch::Run() {
  Look();
  while (!over() && Wait()) {
    TakeReports();
    if (!over()) TellPending();
  }
}

bool SandboxWatch::Wait() {
  pollfd items[] = {{stop_.fd(), POLLIN, 0},
                    {kick_.fd(), POLLIN, 0},
                    {changes_.get(), POLLIN, 0},
                    {vm_ended_ ? -1 : vm_end_.get(), POLLIN, 0}};
  const bool pending = lost_.has_value() || (vm_ended_ && !vm_told_);
  if (!pending) patience_ = Deadline::Never();
  if (pending && patience_.never()) {
    patience_ = Deadline::After(object_->context_->settings().lock_limit);
  }
  // Something pending that no change explains is told at once, without waiting.
  const int timeout = pending && !Busy() ? 0 : patience_.PollTimeout();
  poll(items, std::size(items), timeout);
  if (Has(items[0])) return false;
  if (Has(items[1])) kick_.Clear();
  if (Has(items[2])) {
    Drain(changes_.get());
    Look();
  }
  if (Has(items[3])) vm_ended_ = true;
  return true;
}

Result<SandboxRecord> SandboxWatch::Load() const {
  SHOJI_ASSIGN_OR_RETURN(Metadata* const metadata, object_->context_->metadata());
  return metadata->Load(object_->id_);
}

bool SandboxWatch::IsOver(const Result<SandboxRecord>& record) const {
  if (!record.ok()) return record.status().code() == StatusCode::kNotFound;
  return record->vm_state.empty() || record->boot != boot_;
}

void SandboxWatch::Look() {
  const auto record = Load();
  if (IsOver(record)) {
    Emit({Kind::kStopped, "", 0, ""});
    return;
  }
  if (!record.ok()) {
    object_->context_->Log(LogLevel::kWarn, record.status().message());
    return;
  }
  {
    const MutexLock lock(mutex_);
    containers_.clear();
    for (const auto& container : record->containers) containers_.insert(container.config.id);
  }
  if (!PathExists(object_->paths_.lock)) (void)WatchLock();  // made anew, under another inode
  if (!vm_ended_ && !lost_told_ && record->state != State::kPaused) Arm(*record);
}

// Waits for every container that runs, and for those that run out of memory.
void SandboxWatch::Arm(const SandboxRecord& record) {
  ArmOne(record, {"", 0});
  for (const ContainerRecord& container : record.containers) {
    const bool runs = container.state == State::kRunning || container.state == State::kPaused;
    if (runs) ArmOne(record, {container.config.id, container.started_unix_ns});
  }
}

void SandboxWatch::ArmOne(const SandboxRecord& record, const Key& key) {
  if (waiters_.count(key) != 0 || told_.count(key) != 0) return;
  const MutexLock arming(arming_);
  if (over()) return;
  auto link = object_->Connect(record);
  if (!link.ok()) {
    // While somebody works on the sandbox it may be right that there is no way to the guest.
    if (!Busy() && VmLives(record)) lost_ = link.status().message();
    return;
  }
  auto cancel = std::make_shared<CancelEvent>();
  (*link)->Watch(cancel);
  auto body = [this, key, cancel, link = std::move(*link)]() mutable {
    if (key.first.empty()) {
      ReadOom(std::move(link), key, *cancel);
    } else {
      WaitContainer(std::move(link), key, *cancel);
    }
  };
  waiters_[key] = Waiter{cancel, std::thread(std::move(body))};
}

void SandboxWatch::TakeReports() {
  std::vector<Report> reports;
  {
    const MutexLock lock(mutex_);
    reports.swap(reports_);
  }
  bool again = false;
  for (const Report& report : reports) {
    waiters_[report.key].thread.join();
    waiters_.erase(report.key);
    if (report.outcome == Outcome::kTold) told_.insert(report.key);
    if (report.outcome == Outcome::kLost && !lost_told_) lost_ = report.text;
    again = again || report.outcome == Outcome::kAgain;
  }
  if (again) Look();
}

bool SandboxWatch::Busy() const {
  const auto holder = LockHolder(object_->paths_.lock);
  return holder.ok() && *holder != 0 && !patience_.passed();
}

void SandboxWatch::TellPending() {
  if (!lost_ && (!vm_ended_ || vm_told_)) return;
  if (Busy()) return;
  const auto record = Load();
  if (IsOver(record)) {
    Emit({Kind::kStopped, "", 0, ""});
    return;
  }
  if (record.ok() && !VmLives(*record)) vm_ended_ = true;
  if (vm_ended_ && !vm_told_) {
    vm_told_ = true;
    Emit({Kind::kVmEnded, "", 0, record.ok() ? LastWords(*record) : std::string()});
  } else if (lost_ && !vm_ended_ && !lost_told_ && record.ok() && record->state != State::kPaused) {
    lost_told_ = true;
    Emit({Kind::kAgentLost, "", 0, *lost_});
  }
  lost_.reset();
}

// Only while nobody can take the VM's handle away.
std::string SandboxWatch::LastWords(const SandboxRecord& record) {
  const auto lock = FileLock::TryAcquire(object_->paths_.lock, LockMode::kShared, object_->Name());
  const auto vm =
      lock.ok() ? object_->AttachVm(record) : Result<std::shared_ptr<Vm>>(lock.status());
  return vm.ok() ? (*vm)->LastWords() : std::string();
}

// ---- threads that wait for the guest -----------------------------------------------------

SandboxWatch::Report SandboxWatch::ReportOf(const Key& key, const Status& status,
                                            const Link& link) const {
  if (status.code() == StatusCode::kCancelled) return {key, Outcome::kAgain, ""};
  const Status why = link.Explain(status);  // waits for a VM that is just ending
  if (link.VmGone()) return {key, Outcome::kTold, ""};
  if (status.code() == StatusCode::kUnavailable) return {key, Outcome::kLost, why.message()};
  if (status.code() != StatusCode::kUnimplemented) {
    object_->context_->Log(LogLevel::kWarn, object_->Name() + ": " + why.message());
  }
  return {key, Outcome::kTold, ""};
}

void SandboxWatch::Finish(Report report) {
  const MutexLock lock(mutex_);
  reports_.push_back(std::move(report));
  kick_.Trigger();
}

void SandboxWatch::WaitContainer(std::shared_ptr<Link> link, const Key& key,
                                 const CancelEvent& cancel) {
  const std::string& id = key.first;
  const auto exit = link->agent().WaitProcess(Call{Deadline::Never(), cancel.fd()}, {id, id});
  const bool gone = exit.status().code() == StatusCode::kNotFound;
  Report report = {key, Outcome::kTold, ""};
  if (!exit.ok() && !gone) report = ReportOf(key, exit.status(), *link);
  link.reset();  // who closes it waits for us
  if (exit.ok() || gone) {
    object_->NoteExit(id, key.second);
    Emit({Kind::kContainerExit, id, exit.ok() ? *exit : kNoStatus,
          gone ? "its exit status is not known: the guest has removed it" : ""});
  }
  Finish(std::move(report));
}

void SandboxWatch::ReadOom(std::shared_ptr<Link> link, const Key& key, const CancelEvent& cancel) {
  while (true) {
    const auto id = link->agent().NextOom(Call{Deadline::Never(), cancel.fd()});
    if (!id.ok()) {
      Report report = ReportOf(key, id.status(), *link);
      link.reset();
      Finish(std::move(report));
      return;
    }
    // The guest may say anything.
    if (Knows(*id)) Emit({Kind::kOutOfMemory, *id, 0, ""});
  }
}

bool SandboxWatch::Knows(const std::string& container_id) {
  {
    const MutexLock lock(mutex_);
    if (containers_.count(container_id) != 0) return true;
  }
  const auto record = Load();
  return record.ok() && record->Find(container_id) != nullptr;
}

}  // namespace shoji
