// How long a call may wait for its turn.
//
// Purpose  The caller's deadline and cancel_fd; without a deadline the option lock_timeout.
// Threads  Value.
// Example  const Patience patience = Patience::Of(call, std::chrono::seconds(10));
#ifndef SHOJI_ONEPROCESS_PATIENCE_H_
#define SHOJI_ONEPROCESS_PATIENCE_H_

#include <chrono>
#include <string>
#include <utility>

#include "shoji/base/deadline.h"
#include "shoji/plugin/base.h"
#include "shoji/status.h"

namespace shoji::oneprocess {

struct Patience {
  Deadline deadline;
  int cancel_fd = -1;
  bool callers = false;                 // the deadline is the caller's, not lock_timeout
  std::chrono::nanoseconds limit = {};  // lock_timeout; counts from Begin() on

  static Patience Of(const shoji_call* call, std::chrono::nanoseconds lock_timeout) {
    const int cancel_fd = SHOJI_HAS(shoji_call, call, cancel_fd) ? call->cancel_fd : -1;
    if (SHOJI_HAS(shoji_call, call, deadline_ns) && call->deadline_ns != 0) {
      return {Deadline::FromNanos(call->deadline_ns), cancel_fd, true};
    }
    return {Deadline::Never(), cancel_fd, false, lock_timeout};
  }
  // For who has to wait: with a deadline in any case.
  Patience Begin() const {
    if (!deadline.never()) return *this;
    return {Deadline::After(limit), cancel_fd, callers, limit};
  }

  // The error of a wait that was in vain; `why` says who is in the way.
  Status Expired(const std::string& why) const {
    if (callers) return DeadlineExceeded("waited until the deadline: " + why);
    return Unavailable("waited as long as lock_timeout allows: " + why);
  }
};

}  // namespace shoji::oneprocess

#endif  // SHOJI_ONEPROCESS_PATIENCE_H_
