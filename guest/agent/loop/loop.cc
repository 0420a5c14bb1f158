#include "loop/loop.h"

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <string>

#include "shoji/base/deadline.h"
#include "shoji/base/errno.h"

namespace shoji::agent {

Result<std::unique_ptr<Loop>> Loop::Create() {
  UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return ErrnoStatus(errno, "cannot create the event loop");
  return std::unique_ptr<Loop>(new Loop(std::move(epoll)));
}

Status Loop::Watch(int fd, std::uint32_t events, Handler handler) {
  const std::uint64_t token = next_token_++;
  epoll_event event{};
  event.events = events;
  event.data.u64 = token;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) < 0) {
    return ErrnoStatus(errno, "cannot watch descriptor " + std::to_string(fd));
  }
  tokens_[fd] = token;
  watched_[token] = std::make_shared<Watched>(Watched{fd, std::move(handler)});
  return OkStatus();
}

Status Loop::Rearm(int fd, std::uint32_t events) {
  const auto it = tokens_.find(fd);
  if (it == tokens_.end()) return NotFound("descriptor " + std::to_string(fd) + " is not watched");
  epoll_event event{};
  event.events = events;
  event.data.u64 = it->second;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) < 0) {
    return ErrnoStatus(errno, "cannot change the watch of descriptor " + std::to_string(fd));
  }
  return OkStatus();
}

void Loop::Unwatch(int fd) {
  const auto it = tokens_.find(fd);
  if (it == tokens_.end()) return;
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  watched_.erase(it->second);
  tokens_.erase(it);
}

Loop::TimerId Loop::After(std::chrono::nanoseconds span, Task task) {
  const TimerId id = next_timer_++;
  const std::int64_t due = Deadline::NowNanos() + span.count();
  timers_.emplace(TimerKey{due, id}, std::move(task));
  due_[id] = due;
  return id;
}

void Loop::CancelTimer(TimerId id) {
  const auto it = due_.find(id);
  if (it == due_.end()) return;
  timers_.erase(TimerKey{it->second, id});
  due_.erase(it);
}

void Loop::Defer(Task task) { deferred_.push_back(std::move(task)); }

int Loop::WaitMillis() const {
  if (!deferred_.empty()) return 0;
  if (timers_.empty()) return -1;
  return Deadline::FromNanos(timers_.begin()->first.first).PollTimeout();
}

// What a task defers runs in the next turn, so that descriptors get their turn too.
void Loop::RunDeferred() {
  std::vector<Task> tasks;
  tasks.swap(deferred_);
  for (const Task& task : tasks) task();
}

void Loop::RunTimers() {
  const std::int64_t now = Deadline::NowNanos();
  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    auto node = timers_.extract(timers_.begin());
    due_.erase(node.key().second);
    node.mapped()();
  }
}

void Loop::Dispatch(std::uint64_t token, std::uint32_t events) {
  const auto it = watched_.find(token);
  if (it == watched_.end()) return;  // unwatched by an earlier handler of this turn
  const std::shared_ptr<Watched> keep = it->second;
  keep->handler(events);
}

Status Loop::Run() {
  std::array<epoll_event, 64> events{};
  while (!stopped_) {
    const int count =
        epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), WaitMillis());
    if (count < 0 && errno != EINTR) return ErrnoStatus(errno, "the event loop cannot wait");
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      Dispatch(event.data.u64, event.events);
    }
    RunTimers();
    RunDeferred();
  }
  stopped_ = false;
  return OkStatus();
}

}  // namespace shoji::agent
