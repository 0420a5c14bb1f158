// The event loop that the whole agent runs in: descriptors, timers, deferred work.
//
// Purpose  One epoll set instead of threads: a thread costs the guest memory and, without
//          hardware virtualisation, tens of milliseconds.
// Threads  One thread. Handlers may watch, unwatch, defer and set timers freely.
// Example
//     SHOJI_ASSIGN_OR_RETURN(auto loop, Loop::Create());
//     loop->Watch(fd, EPOLLIN, [&](std::uint32_t events) { ... });
//     loop->After(std::chrono::seconds(1), [&] { loop->Stop(); });
//     return loop->Run();
#ifndef SHOJI_GUEST_AGENT_LOOP_LOOP_H_
#define SHOJI_GUEST_AGENT_LOOP_LOOP_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::agent {

class Loop {
 public:
  using Handler = std::function<void(std::uint32_t events)>;
  using Task = std::function<void()>;
  using TimerId = std::uint64_t;  // 0 is none

  static Result<std::unique_ptr<Loop>> Create();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Calls `handler` for `events` (epoll's bits) of `fd`, which the caller owns and
  // unwatches before closing it.
  Status Watch(int fd, std::uint32_t events, Handler handler);
  // Changes the events; also arms an EPOLLONESHOT watch again.
  Status Rearm(int fd, std::uint32_t events);
  // Idempotent. The handler is not called after this, not even for an event that has
  // already been taken from the kernel.
  void Unwatch(int fd);

  TimerId After(std::chrono::nanoseconds span, Task task);
  void CancelTimer(TimerId id);

  // Runs `task` after the handlers of this turn.
  void Defer(Task task);

  // Until Stop(); fails only when epoll itself does. May be called again.
  Status Run();
  void Stop() { stopped_ = true; }

 private:
  struct Watched {
    int fd;
    Handler handler;
  };
  using TimerKey = std::pair<std::int64_t, TimerId>;  // when it is due, in nanoseconds

  explicit Loop(UniqueFd epoll) : epoll_(std::move(epoll)) {}
  int WaitMillis() const;
  void RunDeferred();
  void RunTimers();
  void Dispatch(std::uint64_t token, std::uint32_t events);

  UniqueFd epoll_;
  bool stopped_ = false;
  std::uint64_t next_token_ = 1;
  TimerId next_timer_ = 1;
  std::unordered_map<int, std::uint64_t> tokens_;  // by descriptor
  std::unordered_map<std::uint64_t, std::shared_ptr<Watched>> watched_;
  std::map<TimerKey, Task> timers_;
  std::unordered_map<TimerId, std::int64_t> due_;
  std::vector<Task> deferred_;
};

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_LOOP_LOOP_H_
