#include "service/container.h"

#include <chrono>
#include <utility>

#include "log.h"

namespace shoji::agent {

Container::Container(const Context& context, std::string id, std::string init_id,
                     jail::Container::Made made)
    : context_(context),
      id_(std::move(id)),
      init_id_(init_id.empty() ? id_ : std::move(init_id)),
      jail_(std::move(made.container)),
      init_(std::make_unique<Process>(context.loop, context.reaper, std::move(made.init),
                                      context.pipe_bytes)) {}

Container::~Container() { *alive_ = false; }

void Container::Start(Done done) {
  if (started_) return done(FailedPrecondition("container " + id_ + " was started already"));
  if (init_->exit_code()) return done(FailedPrecondition("container " + id_ + " has ended"));
  auto begun = jail_->BeginStart();
  if (!begun.ok()) return done(begun.status());
  on_started_ = std::move(done);
  starting_ = std::make_unique<Awaiting<jail::Started>>(context_.loop, nullptr, *std::move(begun));
  starting_->Wait([this](const Result<jail::Started>& started) {
    started_ = started.ok();
    starting_.reset();
    std::exchange(on_started_, nullptr)(started.status());
  });
}

void Container::GiveUpStart(const Status& why) {
  if (!starting_) return;
  starting_.reset();
  std::exchange(on_started_, nullptr)(why);
}

Status Container::MakeRoom(const std::string& exec_id) {
  const auto same = execs_.find(exec_id);
  if (exec_id.empty() || exec_id == init_id_ || executing_.count(exec_id) != 0 ||
      (same != execs_.end() && !same->second->told())) {
    return AlreadyExists("container " + id_ + " has a process \"" + exec_id + "\" already");
  }
  if (same != execs_.end()) execs_.erase(same);
  const auto has_room = [this] { return execs_.size() + executing_.size() < kMaxProcesses; };
  if (has_room()) return OkStatus();
  std::erase_if(execs_, [](const auto& entry) { return entry.second->told(); });
  if (has_room()) return OkStatus();
  return ResourceExhausted("container " + id_ + " has " + std::to_string(execs_.size()) +
                           " processes that nobody waited for; wait for some of them");
}

void Container::Exec(const grpc::ExecProcessRequest& request, Done done) {
  const std::string& exec_id = request.exec_id();
  auto begun = [&]() -> Result<std::unique_ptr<jail::Pending<jail::Process>>> {
    if (!running()) return FailedPrecondition("container " + id_ + " is not running");
    if (paused_) return FailedPrecondition("container " + id_ + " is paused; resume it first");
    SHOJI_RETURN_IF_ERROR(MakeRoom(exec_id));
    return jail_->BeginExec(request.process());
  }();
  if (!begun.ok()) return done(begun.status());
  Executing& executing = executing_[exec_id];
  executing.done = std::move(done);
  executing.awaiting =
      std::make_unique<Awaiting<jail::Process>>(context_.loop, context_.reaper, *std::move(begun));
  executing.awaiting->Wait(
      [this, exec_id](Result<jail::Process> process) { Executed(exec_id, std::move(process)); });
}

void Container::Executed(const std::string& exec_id, Result<jail::Process> process) {
  const auto node = executing_.extract(exec_id);
  if (process.ok()) {
    auto executed = std::make_unique<Process>(context_.loop, context_.reaper, *std::move(process),
                                              context_.pipe_bytes);
    executed->OnFinished([this, exec_id, raw = executed.get()] { Forget(exec_id, raw); });
    execs_[exec_id] = std::move(executed);
  }
  node.mapped().done(process.status());
}

void Container::GiveUpExec(const std::string& exec_id, const Status& why) {
  auto node = executing_.extract(exec_id);
  if (node.empty()) return;
  node.mapped().awaiting.reset();
  node.mapped().done(why);
}

void Container::GiveUpAll() {
  const Status why = NotFound("container " + id_ + " was removed meanwhile");
  GiveUpStart(why);
  while (!executing_.empty()) GiveUpExec(std::string(executing_.begin()->first), why);
}

// Deferred: the process is in the middle of an answer.
void Container::Forget(const std::string& exec_id, const Process* process) {
  context_.loop->Defer([this, alive = alive_, exec_id, process] {
    if (!*alive) return;
    const auto it = execs_.find(exec_id);
    if (it != execs_.end() && it->second.get() == process) execs_.erase(it);
  });
}

Result<Process*> Container::Find(const std::string& exec_id) {
  if (exec_id == init_id_ || exec_id.empty()) return init_.get();
  const auto it = execs_.find(exec_id);
  if (it != execs_.end()) return it->second.get();
  return NotFound("container " + id_ + " has no process \"" + exec_id + "\"");
}

void Container::Wait(const std::string& exec_id, const CallPtr& call) {
  const Result<Process*> found = Find(exec_id);
  if (!found.ok()) return call->Finish(found.status());
  Process* process = *found;
  if (process != init_.get() && process->told()) {
    return call->Finish(NotFound("the end of process \"" + exec_id + "\" was told already"));
  }
  process->Wait(call);
}

Status Container::Signal(const std::string& exec_id, int signal) {
  if (signal < 0 || signal > 64) {
    return InvalidArgument("signal " + std::to_string(signal) + " does not exist");
  }
  if (exec_id.empty()) return init_->exit_code() ? OkStatus() : jail_->SignalAll(signal);
  SHOJI_ASSIGN_OR_RETURN(Process * process, Find(exec_id));
  return process->Signal(signal, process == init_.get());
}

Status Container::Pause() {
  if (!running()) return FailedPrecondition("container " + id_ + " is not running");
  SHOJI_RETURN_IF_ERROR(jail_->Pause());
  paused_ = true;
  return OkStatus();
}

Status Container::Resume() {
  if (!running()) return FailedPrecondition("container " + id_ + " is not running");
  SHOJI_RETURN_IF_ERROR(jail_->Resume());
  paused_ = false;
  return OkStatus();
}

void Container::Remove(Done done) {
  GiveUpAll();
  removers_.push_back(std::move(done));
  if (removers_.size() == 1) TryDestroy();
}

void Container::TryDestroy() {
  const std::shared_ptr<bool> alive = alive_;
  context_.reaper->Reap();  // may get here again, and finish
  if (!*alive || removers_.empty()) return;
  const Status status = jail_->Destroy();
  if (status.code() == StatusCode::kFailedPrecondition) return RetryLater();
  for (const Done& done : std::exchange(removers_, {})) done(status);  // may end `this`
}

// When the killed processes have been reaped; the timer is for those that are reaped by
// somebody else, inside the container's own process namespace.
void Container::RetryLater() {
  constexpr std::chrono::milliseconds kPatience{50};
  auto pending = std::make_shared<bool>(true);
  const auto again = [this, alive = alive_, pending] {
    if (*alive && std::exchange(*pending, false)) TryDestroy();
  };
  context_.reaper->AfterNext(again);
  context_.loop->After(kPatience, again);
}

}  // namespace shoji::agent
