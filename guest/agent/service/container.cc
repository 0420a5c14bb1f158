#include "service/container.h"

#include <chrono>
#include <utility>

#include "log.h"

namespace shoji::agent {

Container::Container(const Context& context, std::string id)
    : context_(context), id_(std::move(id)) {}

Container::~Container() { *alive_ = false; }

Result<std::unique_ptr<Container>> Container::Create(const Context& context,
                                                     const grpc::CreateContainerRequest& request,
                                                     const jail::Environment& environment) {
  std::unique_ptr<Container> made(new Container(context, request.container_id()));
  made->init_id_ = request.exec_id().empty() ? request.container_id() : request.exec_id();
  SHOJI_ASSIGN_OR_RETURN(
      jail::Container::Made jailed,
      jail::Container::Create(request.container_id(), request.oci(), environment));
  made->jail_ = std::move(jailed.container);
  made->init_ = std::make_unique<Process>(context.loop, context.reaper, std::move(jailed.init),
                                          context.pipe_bytes);
  return made;
}

Status Container::Start() {
  if (started_) return FailedPrecondition("container " + id_ + " was started already");
  if (init_->exit_code()) return FailedPrecondition("container " + id_ + " has ended");
  SHOJI_RETURN_IF_ERROR(jail_->Start());
  started_ = true;
  return OkStatus();
}

Status Container::MakeRoom(const std::string& exec_id) {
  const auto same = execs_.find(exec_id);
  if (exec_id.empty() || exec_id == init_id_ || (same != execs_.end() && !same->second->told())) {
    return AlreadyExists("container " + id_ + " has a process \"" + exec_id + "\" already");
  }
  if (same != execs_.end()) execs_.erase(same);
  if (execs_.size() < kMaxProcesses) return OkStatus();
  std::erase_if(execs_, [](const auto& entry) { return entry.second->told(); });
  if (execs_.size() < kMaxProcesses) return OkStatus();
  return ResourceExhausted("container " + id_ + " has " + std::to_string(execs_.size()) +
                           " processes that nobody waited for; wait for some of them");
}

Status Container::Exec(const grpc::ExecProcessRequest& request) {
  if (!running()) return FailedPrecondition("container " + id_ + " is not running");
  if (paused_) return FailedPrecondition("container " + id_ + " is paused; resume it first");
  SHOJI_RETURN_IF_ERROR(MakeRoom(request.exec_id()));
  SHOJI_ASSIGN_OR_RETURN(jail::Process started, jail_->Exec(request.process()));
  auto process = std::make_unique<Process>(context_.loop, context_.reaper, std::move(started),
                                           context_.pipe_bytes);
  process->OnFinished(
      [this, exec_id = request.exec_id(), raw = process.get()] { Forget(exec_id, raw); });
  execs_[request.exec_id()] = std::move(process);
  return OkStatus();
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
