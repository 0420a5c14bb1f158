// A point in time after which an operation gives up.
//
// Purpose  One type for time limits, on CLOCK_MONOTONIC, as shoji_call carries them.
// Threads  Value.
// Example  const Deadline d = Deadline::After(std::chrono::seconds(10));
//          poll(&p, 1, d.PollTimeout());
#ifndef SHOJI_BASE_DEADLINE_H_
#define SHOJI_BASE_DEADLINE_H_

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>

namespace shoji {

class Deadline {
 public:
  using Clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC on Linux

  Deadline() = default;  // never
  static Deadline Never() { return {}; }
  static Deadline After(std::chrono::nanoseconds span) {
    return FromNanos((Clock::now().time_since_epoch() + span).count());
  }
  // Absolute CLOCK_MONOTONIC nanoseconds; 0 = never.
  static Deadline FromNanos(std::int64_t nanos) {
    Deadline d;
    d.nanos_ = nanos;
    return d;
  }
  static std::int64_t NowNanos() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch())
        .count();
  }

  bool never() const { return nanos_ == 0; }
  std::int64_t nanos() const { return nanos_; }
  bool passed() const { return !never() && NowNanos() >= nanos_; }

  // Milliseconds for poll(): -1 for never, rounded up so that a return means "passed".
  int PollTimeout() const {
    if (never()) return -1;
    const std::int64_t left = std::max<std::int64_t>(0, nanos_ - NowNanos());
    return static_cast<int>(
        std::min<std::int64_t>((left + 999'999) / 1'000'000, std::numeric_limits<int>::max()));
  }
  // The earlier of both.
  Deadline Min(Deadline other) const {
    if (never()) return other;
    if (other.never()) return *this;
    return nanos_ < other.nanos_ ? *this : other;
  }

 private:
  std::int64_t nanos_ = 0;
};

}  // namespace shoji

#endif  // SHOJI_BASE_DEADLINE_H_
