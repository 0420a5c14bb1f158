// Waiting as a call allows: never past its deadline, never after it was cancelled.
//
// Purpose  Every slot that may block gets a shoji_call. These functions keep its two promises,
//          so that a plugin does not have to do the arithmetic.
// Threads  Safe, no state.
// Example
//     SHOJI_RETURN_IF_ERROR(WaitUntilReady(call, socket, POLLIN, "answer of the server"));
#ifndef SHOJI_SDK_WAIT_H_
#define SHOJI_SDK_WAIT_H_

#include <sys/poll.h>

#include <cerrno>
#include <cstdint>
#include <string>

#include "shoji/sdk/plugin.h"

namespace shoji::sdk {

namespace internal {

// Milliseconds that are left, rounded up, for poll(); -1: no end.
inline int PollTimeout(std::int64_t deadline_ns) {
  if (deadline_ns == 0) return -1;
  const std::int64_t left = deadline_ns - NowNanos();
  if (left <= 0) return 0;
  const std::int64_t ms = (left + 999'999) / 1'000'000;
  return ms < 3'600'000 ? static_cast<int>(ms) : 3'600'000;
}

inline int CancelFd(const shoji_call* call) {
  return SHOJI_HAS(shoji_call, call, cancel_fd) ? call->cancel_fd : -1;
}
inline std::int64_t DeadlineOf(const shoji_call* call) {
  return SHOJI_HAS(shoji_call, call, deadline_ns) ? call->deadline_ns : 0;
}

}  // namespace internal

// OK when `fd` has one of `events` (POLLIN, POLLOUT) or has failed; CANCELLED and
// DEADLINE_EXCEEDED as `call` says, which name `what`. `fd` -1: waits for these two only.
inline Status WaitUntilReady(const shoji_call* call, int fd, short events,
                             const std::string& what) {
  const std::int64_t deadline = internal::DeadlineOf(call);
  pollfd fds[] = {{internal::CancelFd(call), POLLIN, 0}, {fd, events, 0}};
  for (;;) {
    const int ready = poll(fds, 2, internal::PollTimeout(deadline));
    if (ready < 0 && errno != EINTR) {
      return Status(StatusCode::kInternal, "cannot wait for " + what).WithErrno(errno);
    }
    if (ready > 0 && fds[0].revents != 0) return Cancelled("cancelled while waiting for " + what);
    if (ready > 0 && fds[1].revents != 0) return OkStatus();
    if (deadline != 0 && NowNanos() >= deadline) {
      return DeadlineExceeded("the time is up; waited for " + what);
    }
  }
}

// Whether the call may go on: for loops between two pieces of work.
inline Status CheckCall(const shoji_call* call, const std::string& what) {
  pollfd cancel{internal::CancelFd(call), POLLIN, 0};
  if (poll(&cancel, 1, 0) > 0) return Cancelled("cancelled during " + what);
  const std::int64_t deadline = internal::DeadlineOf(call);
  if (deadline == 0 || NowNanos() < deadline) return OkStatus();
  return DeadlineExceeded("the time is up during " + what);
}

}  // namespace shoji::sdk

#endif  // SHOJI_SDK_WAIT_H_
