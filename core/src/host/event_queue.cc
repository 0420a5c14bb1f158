#include "host/event_queue.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <utility>

namespace shoji {
namespace {

using Kind = SandboxEvent::Kind;
constexpr std::size_t kManyEvents = 256;

}  // namespace

EventQueue::EventQueue() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Result<SandboxEvent> EventQueue::Next() {
  const MutexLock lock(mutex_);
  while (events_.empty() && !stopped_ && !cancelled_) changed_.wait(mutex_);
  if (cancelled_) return Cancelled("the monitor was cancelled");
  if (events_.empty()) return OutOfRange("the sandbox was stopped; there are no more events");
  SandboxEvent event = std::move(events_.front());
  events_.pop_front();
  eventfd_t count = 0;
  if (events_.empty() && !stopped_) eventfd_read(fd_.get(), &count);
  return event;
}

void EventQueue::Cancel() {
  const MutexLock lock(mutex_);
  cancelled_ = true;
  eventfd_write(fd_.get(), 1);
  changed_.notify_all();
}

bool EventQueue::IsRepeated(const SandboxEvent& event) const {
  if (event.kind != Kind::kOutOfMemory || events_.size() < kManyEvents) return false;
  return std::any_of(events_.begin(), events_.end(), [&](const SandboxEvent& other) {
    return other.kind == event.kind && other.container_id == event.container_id;
  });
}

void EventQueue::Push(const SandboxEvent& event) {
  const MutexLock lock(mutex_);
  if (stopped_ || IsRepeated(event)) return;
  events_.push_back(event);
  stopped_ = event.kind == Kind::kStopped;
  eventfd_write(fd_.get(), 1);
  changed_.notify_all();
}

}  // namespace shoji
