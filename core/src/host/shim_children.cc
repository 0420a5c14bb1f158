#include "host/shim_children.h"

#include <poll.h>
#include <sys/wait.h>

#include <utility>

namespace shoji {
namespace {

struct Look {
  bool ended = false;
  std::optional<ExitStatus> status;  // nothing: somebody else has reaped it
};

// How a child ended that stays to be reaped.
Look PeekAtEnd(const Child& child) {
  siginfo_t info = {};
  const auto id = static_cast<id_t>(child.pidfd());
  const int flags = WEXITED | WNOHANG | WNOWAIT;
  if (waitid(static_cast<idtype_t>(P_PIDFD), id, &info, flags) < 0) return {true, std::nullopt};
  if (info.si_pid == 0) return {};
  if (info.si_code == CLD_EXITED) return {true, ExitStatus{info.si_status, 0}};
  return {true, ExitStatus{0, info.si_status}};
}

// The same of one that is reaped.
Look ReapIfEnded(Child& child) {
  const auto exit = child.Wait(Deadline::FromNanos(1));
  if (exit.status().code() == StatusCode::kDeadlineExceeded) return {};
  return {true, exit.ok() ? std::optional<ExitStatus>(*exit) : std::nullopt};
}

}  // namespace

std::optional<ExitStatus> ShimEnd::status() const {
  const MutexLock lock(mutex_);
  return status_;
}

void ShimEnd::Set(std::optional<ExitStatus> status) {
  {
    const MutexLock lock(mutex_);
    status_ = status;
  }
  ended_.Trigger();
}

ShimChildren::~ShimChildren() {
  std::thread thread;
  {
    const MutexLock lock(mutex_);
    stop_ = true;
    thread = std::move(thread_);
  }
  wake_.Trigger();
  if (thread.joinable()) thread.join();
}

void ShimChildren::Add(const ProcessId& shim, bool leave) {
  auto pidfd = OpenPidfd(shim.pid);
  if (!pidfd.ok()) return;
  auto end = std::make_shared<ShimEnd>();
  const MutexLock lock(mutex_);
  running_.insert_or_assign(shim.pid, Running{Child(shim.pid, std::move(*pidfd)), end, leave});
  ends_.insert_or_assign({shim.pid, shim.start_ticks}, std::move(end));
  if (!thread_.joinable()) thread_ = std::thread([this] { Loop(); });
  wake_.Trigger();
}

std::shared_ptr<const ShimEnd> ShimChildren::Find(const ProcessId& shim) const {
  const MutexLock lock(mutex_);
  const auto it = ends_.find({shim.pid, shim.start_ticks});
  return it == ends_.end() ? nullptr : it->second;
}

void ShimChildren::Forget(const ProcessId& shim) {
  const MutexLock lock(mutex_);
  ends_.erase({shim.pid, shim.start_ticks});
  const auto it = left_.find(shim.pid);
  if (it == left_.end()) return;
  (void)it->second.Wait(Deadline::FromNanos(1));
  left_.erase(it);
}

std::vector<int> ShimChildren::Descriptors() const {
  const MutexLock lock(mutex_);
  if (stop_) return {};
  std::vector<int> out = {wake_.fd()};
  for (const auto& [pid, running] : running_) out.push_back(running.child.pidfd());
  return out;
}

void ShimChildren::Loop() {
  for (;;) {
    std::vector<pollfd> fds;
    for (const int fd : Descriptors()) fds.push_back({fd, POLLIN, 0});
    if (fds.empty()) return;
    if (poll(fds.data(), fds.size(), -1) <= 0) continue;
    if (fds[0].revents != 0) wake_.Clear();
    Reap();
  }
}

void ShimChildren::Reap() {
  const MutexLock lock(mutex_);
  for (auto it = running_.begin(); it != running_.end();) {
    Running& running = it->second;
    const Look look = running.leave ? PeekAtEnd(running.child) : ReapIfEnded(running.child);
    if (!look.ended) {
      ++it;
      continue;
    }
    running.end->Set(look.status);
    if (running.leave && look.status) left_.insert_or_assign(it->first, std::move(running.child));
    it = running_.erase(it);
  }
}

}  // namespace shoji
