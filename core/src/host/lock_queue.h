// The threads of this process that want one FileLock, in the order in which they came.
//
// Purpose  flock() knows no time limit, so who finds a lock taken looks again and again. Between
//          processes nothing else is possible; the threads of one process wait here instead, and
//          the next goes on at once. Exclusive ones go alone, shared ones that stand side by
//          side go together; none overtakes, so nobody waits for ever.
// Threads  Safe. One thread must not wait for a second turn while it has one.
// Life     A turn may outlive the queue.
// Example  LockQueue::Turn turn = queue.Wait(LockMode::kShared, Deadline::After(1s));
//          if (!turn) ... // the time is over
#ifndef SHOJI_CORE_HOST_LOCK_QUEUE_H_
#define SHOJI_CORE_HOST_LOCK_QUEUE_H_

#include <cstddef>
#include <memory>
#include <utility>

#include "shoji/base/deadline.h"

namespace shoji {

enum class LockMode { kShared, kExclusive };

class LockQueue {
  struct State;

 public:
  // Lasts until it is destroyed, or another is moved into it.
  class Turn {
   public:
    Turn() = default;
    Turn(Turn&& other) noexcept : state_(std::move(other.state_)), mode_(other.mode_) {}
    Turn& operator=(Turn&& other) noexcept {
      Turn old = std::move(*this);
      state_ = std::move(other.state_);
      mode_ = other.mode_;
      return *this;
    }
    ~Turn();
    explicit operator bool() const { return state_ != nullptr; }

   private:
    friend class LockQueue;
    Turn(std::shared_ptr<State> state, LockMode mode) : state_(std::move(state)), mode_(mode) {}
    std::shared_ptr<State> state_;
    LockMode mode_ = LockMode::kShared;
  };

  LockQueue();
  LockQueue(const LockQueue&) = delete;
  LockQueue& operator=(const LockQueue&) = delete;

  // An empty turn when `deadline` passed first. Who could go at once goes, even with a deadline
  // that has passed.
  Turn Wait(LockMode mode, Deadline deadline);

  // How many wait now.
  std::size_t waiting() const;

 private:
  const std::shared_ptr<State> state_;
};

}  // namespace shoji

#endif  // SHOJI_CORE_HOST_LOCK_QUEUE_H_
