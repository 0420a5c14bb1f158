#include "host/lock_queue.h"

#include <chrono>
#include <condition_variable>
#include <list>

#include "shoji/base/thread_annotations.h"

namespace shoji {

struct LockQueue::State {
  Mutex mutex;
  struct Waiter {
    LockMode mode;
    std::condition_variable_any woken;  // of its own: nobody is woken who cannot go yet
  };
  std::list<Waiter> waiting SHOJI_GUARDED_BY(mutex);
  int holders SHOJI_GUARDED_BY(mutex) = 0;
  bool exclusive SHOJI_GUARDED_BY(mutex) = false;  // the one holder is

  using Place = std::list<Waiter>::iterator;

  bool MayGo(Place place) SHOJI_REQUIRES(mutex) {
    if (place != waiting.begin()) return false;
    return holders == 0 || (place->mode == LockMode::kShared && !exclusive);
  }

  // To be called when a turn began or ended, or another stands in front now.
  void WakeFirst() SHOJI_REQUIRES(mutex) {
    if (!waiting.empty() && MayGo(waiting.begin())) waiting.front().woken.notify_one();
  }

  // False when `deadline` has passed and it is not our turn.
  bool Await(Place place, Deadline deadline) SHOJI_REQUIRES(mutex) {
    while (!MayGo(place)) {
      if (deadline.never()) {
        place->woken.wait(mutex);
        continue;
      }
      const Deadline::Clock::time_point limit{std::chrono::duration_cast<Deadline::Clock::duration>(
          std::chrono::nanoseconds(deadline.nanos()))};
      if (place->woken.wait_until(mutex, limit) == std::cv_status::timeout) return MayGo(place);
    }
    return true;
  }
};

LockQueue::LockQueue() : state_(std::make_shared<State>()) {}

LockQueue::Turn LockQueue::Wait(LockMode mode, Deadline deadline) {
  State& state = *state_;
  const MutexLock lock(state.mutex);
  const State::Place place = state.waiting.emplace(state.waiting.end());
  place->mode = mode;
  const bool ours = state.Await(place, deadline);
  state.waiting.erase(place);
  if (ours) {
    ++state.holders;
    state.exclusive = mode == LockMode::kExclusive;
  }
  // The next shared one, or who stood behind one that gave up.
  state.WakeFirst();
  return ours ? Turn(state_, mode) : Turn();
}

std::size_t LockQueue::waiting() const {
  const MutexLock lock(state_->mutex);
  return state_->waiting.size();
}

LockQueue::Turn::~Turn() {
  if (state_ == nullptr) return;
  const MutexLock lock(state_->mutex);
  if (--state_->holders == 0) state_->exclusive = false;
  state_->WakeFirst();
}

}  // namespace shoji
