// Tells calls that are under way in other threads to give up.
//
// Purpose  A descriptor that is readable once Trigger() was called, or once a descriptor it
//          follows is readable; for Call::cancel_fd.
// Threads  Safe.
// Example  CancelEvent cancel;  agent.WaitProcess(Call{{}, cancel.fd()}, process);
#ifndef SHOJI_CORE_HOST_CANCEL_EVENT_H_
#define SHOJI_CORE_HOST_CANCEL_EVENT_H_

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <atomic>
#include <cerrno>

#include "shoji/base/errno.h"
#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji {

class CancelEvent {
 public:
  CancelEvent() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  // Either of both: an epoll descriptor over them. Nothing to follow: -1.
  int fd() const { return both_ ? both_.get() : fd_.get(); }

  // Call before the event is used.
  Status Follow(int other) {
    if (other < 0) return OkStatus();
    both_.reset(epoll_create1(EPOLL_CLOEXEC));
    epoll_event readable{};
    readable.events = EPOLLIN;
    if (!both_ || epoll_ctl(both_.get(), EPOLL_CTL_ADD, fd_.get(), &readable) < 0 ||
        epoll_ctl(both_.get(), EPOLL_CTL_ADD, other, &readable) < 0) {
      return ErrnoStatus(errno, "cannot watch for the end of a call");
    }
    return OkStatus();
  }
  bool triggered() const { return triggered_; }
  void Trigger() {
    triggered_ = true;
    eventfd_write(fd_.get(), 1);
  }
  // Afterwards it can be triggered again. For an event that wakes one thread over and over.
  void Clear() {
    eventfd_t count = 0;
    triggered_ = false;
    eventfd_read(fd_.get(), &count);
  }

 private:
  UniqueFd fd_;
  UniqueFd both_;
  std::atomic<bool> triggered_ = false;
};

}  // namespace shoji

#endif  // SHOJI_CORE_HOST_CANCEL_EVENT_H_
