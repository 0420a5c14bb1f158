// Something of the jail that a child works at, watched by the loop.
//
// Purpose  The agent serves others meanwhile. Destroyed before its end it is given up: its child
//          is killed, what it had made is undone, and nobody is told.
// Threads  The loop's.
// Example
//     starting_ = std::make_unique<Awaiting<jail::Started>>(loop, nullptr, std::move(*begun));
//     starting_->Wait([this](Result<jail::Started> started) { ... starting_.reset(); ... });
#ifndef SHOJI_GUEST_AGENT_SERVICE_AWAITING_H_
#define SHOJI_GUEST_AGENT_SERVICE_AWAITING_H_

#include <sys/epoll.h>
#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "jail/pending.h"
#include "loop/loop.h"
#include "service/reaper.h"
#include "shoji/status.h"

namespace shoji::agent {

template <typename T>
class Awaiting {
 public:
  using Done = std::function<void(Result<T>)>;

  // With a reaper the end of the child is kept for whoever will expect it.
  Awaiting(Loop* loop, Reaper* reaper, std::unique_ptr<jail::Pending<T>> pending)
      : loop_(loop), reaper_(reaper), pending_(std::move(pending)), fd_(pending_->fd()) {
    if (reaper_ == nullptr) return;
    pid_ = pending_->pid();
    reaper_->Reserve(pid_);
  }
  ~Awaiting() {
    loop_->Unwatch(fd_);
    if (pid_ > 0) reaper_->Forget(pid_);
  }
  Awaiting(const Awaiting&) = delete;
  Awaiting& operator=(const Awaiting&) = delete;

  // `done` hears once, from the loop; it may destroy this.
  void Wait(Done done) {
    done_ = std::move(done);
    const Status watched = loop_->Watch(fd_, EPOLLIN, [this](std::uint32_t) { Advance(); });
    if (!watched.ok()) Tell(watched);
  }

 private:
  void Advance() {
    Result<std::optional<T>> now = pending_->Advance();
    if (!now.ok()) return Tell(now.status());
    if (*now) Tell(**std::move(now));
  }
  // The descriptor may be closed and its number another's by the time this is destroyed.
  void Tell(Result<T> result) {
    loop_->Unwatch(fd_);
    fd_ = -1;
    if (result.ok()) pid_ = -1;
    std::exchange(done_, nullptr)(std::move(result));
  }

  Loop* loop_;
  Reaper* reaper_;
  pid_t pid_ = -1;  // kept with the reaper
  std::unique_ptr<jail::Pending<T>> pending_;
  int fd_;
  Done done_;
};

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_SERVICE_AWAITING_H_
