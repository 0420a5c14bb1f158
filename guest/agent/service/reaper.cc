#include "service/reaper.h"

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "shoji/base/errno.h"

namespace shoji::agent {

Reaper::Reaper(Loop* loop, UniqueFd signals, std::function<void()> on_terminate)
    : loop_(loop), signals_(std::move(signals)), on_terminate_(std::move(on_terminate)) {}

Reaper::~Reaper() { loop_->Unwatch(signals_.get()); }

Result<std::unique_ptr<Reaper>> Reaper::Create(Loop* loop, std::function<void()> on_terminate) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGCHLD, SIGTERM, SIGINT}) sigaddset(&set, signal);
  if (sigprocmask(SIG_BLOCK, &set, nullptr) < 0) return ErrnoStatus(errno, "cannot block signals");
  UniqueFd signals(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!signals) return ErrnoStatus(errno, "cannot make a signalfd");
  if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) {
    return ErrnoStatus(errno, "cannot become the reaper of descendants");
  }
  std::unique_ptr<Reaper> reaper(new Reaper(loop, std::move(signals), std::move(on_terminate)));
  SHOJI_RETURN_IF_ERROR(loop->Watch(reaper->signals_.get(), EPOLLIN,
                                    [raw = reaper.get()](std::uint32_t) { raw->OnSignals(); }));
  return reaper;
}

void Reaper::OnSignals() {
  signalfd_siginfo info{};
  bool terminate = false;
  while (read(signals_.get(), &info, sizeof info) == sizeof info) {
    terminate = terminate || info.ssi_signo != SIGCHLD;
  }
  Reap();
  if (terminate) on_terminate_();
}

void Reaper::Expect(pid_t pid, OnExit on_exit) {
  const auto node = early_.extract(pid);
  if (!node.empty()) return on_exit(node.mapped());
  expected_[pid] = std::move(on_exit);
}

void Reaper::Forget(pid_t pid) {
  expected_.erase(pid);
  early_.erase(pid);
}

void Reaper::Reap() {
  int status = 0;
  bool any = false;
  for (pid_t pid = 0; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    any = true;
    auto node = expected_.extract(pid);
    if (node.empty()) continue;  // an orphan
    const int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    if (node.mapped()) {
      node.mapped()(code);
    } else {
      early_[pid] = code;
    }
  }
  if (!any) return;
  std::list<std::function<void()>> tasks;
  tasks.swap(after_next_);
  for (const auto& task : tasks) task();
}

}  // namespace shoji::agent
