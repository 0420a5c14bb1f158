// Cancels calls when their cancel descriptor becomes readable.
//
// Purpose  One thread for all calls of an agent, started with the first that needs it.
// Threads  Any.
// Example  auto watch = watcher.Watch(call->cancel_fd, [&] { context.TryCancel(); });
//          // until *watch is destroyed, the callback may run on another thread
#ifndef SHOJI_AGENT_KATA_CANCEL_WATCHER_H_
#define SHOJI_AGENT_KATA_CANCEL_WATCHER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <thread>

#include "shoji/base/thread_annotations.h"
#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::agent_kata {

class CancelWatcher {
 public:
  // Ends the watching; the callback does not run afterwards.
  class Registration {
   public:
    Registration() = default;
    Registration(CancelWatcher* watcher, std::uint64_t id, UniqueFd fd)
        : watcher_(watcher), id_(id), fd_(std::move(fd)) {}
    Registration(Registration&& other) noexcept
        : watcher_(std::exchange(other.watcher_, nullptr)),
          id_(other.id_),
          fd_(std::move(other.fd_)) {}
    Registration& operator=(Registration&&) = delete;
    ~Registration() {
      if (watcher_ != nullptr) watcher_->Forget(id_, fd_.get());
    }

   private:
    CancelWatcher* watcher_ = nullptr;
    std::uint64_t id_ = 0;
    UniqueFd fd_;
  };

  CancelWatcher() = default;
  ~CancelWatcher();
  CancelWatcher(const CancelWatcher&) = delete;
  CancelWatcher& operator=(const CancelWatcher&) = delete;

  // `cancel_fd` is borrowed; below zero nothing is watched. `callback` is short, may run at
  // once, and never uses this object.
  Result<Registration> Watch(int cancel_fd, std::function<void()> callback) SHOJI_EXCLUDES(mutex_);

 private:
  Status Start() SHOJI_REQUIRES(mutex_);
  void Run();
  void Forget(std::uint64_t id, int fd) SHOJI_EXCLUDES(mutex_);

  Mutex mutex_;
  UniqueFd epoll_;  // written once, before the thread exists
  UniqueFd stop_;
  std::map<std::uint64_t, std::function<void()>> callbacks_ SHOJI_GUARDED_BY(mutex_);
  std::uint64_t next_ SHOJI_GUARDED_BY(mutex_) = 1;  // 0 is the end
  std::thread thread_ SHOJI_GUARDED_BY(mutex_);
};

}  // namespace shoji::agent_kata

#endif  // SHOJI_AGENT_KATA_CANCEL_WATCHER_H_
