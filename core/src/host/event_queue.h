// The events of one monitor that nobody has taken yet.
//
// Threads  Safe; Next() is for one thread at a time.
// Example  queue.Push({SandboxEvent::Kind::kVmEnded, "", 0, "killed"});  queue.Next()
#ifndef SHOJI_CORE_HOST_EVENT_QUEUE_H_
#define SHOJI_CORE_HOST_EVENT_QUEUE_H_

#include <condition_variable>
#include <deque>

#include "shoji/base/thread_annotations.h"
#include "shoji/base/unique_fd.h"
#include "shoji/status.h"
#include "shoji/types.h"

namespace shoji {

class EventQueue {
 public:
  EventQueue();
  EventQueue(const EventQueue&) = delete;
  EventQueue& operator=(const EventQueue&) = delete;

  // As those of SandboxMonitor.
  int fd() const { return fd_.get(); }
  Result<SandboxEvent> Next() SHOJI_EXCLUDES(mutex_);
  void Cancel() SHOJI_EXCLUDES(mutex_);

  // Nothing is taken after kStopped. A guest that runs out of memory over and over, while
  // nobody reads, does not make the queue grow: each container is in it once then.
  void Push(const SandboxEvent& event) SHOJI_EXCLUDES(mutex_);

 private:
  bool IsRepeated(const SandboxEvent& event) const SHOJI_REQUIRES(mutex_);

  UniqueFd fd_;  // readable while Next() does not block
  Mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<SandboxEvent> events_ SHOJI_GUARDED_BY(mutex_);
  bool stopped_ SHOJI_GUARDED_BY(mutex_) = false;  // kStopped was pushed
  bool cancelled_ SHOJI_GUARDED_BY(mutex_) = false;
};

}  // namespace shoji

#endif  // SHOJI_CORE_HOST_EVENT_QUEUE_H_
