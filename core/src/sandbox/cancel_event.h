// Tells calls that are under way in other threads to give up.
//
// Purpose  A descriptor that is readable once Trigger() was called, for Call::cancel_fd.
// Threads  Safe.
// Example  CancelEvent cancel;  agent.WaitProcess(Call{{}, cancel.fd()}, process);
#ifndef SHOJI_CORE_SANDBOX_CANCEL_EVENT_H_
#define SHOJI_CORE_SANDBOX_CANCEL_EVENT_H_

#include <sys/eventfd.h>

#include <atomic>

#include "shoji/base/unique_fd.h"

namespace shoji {

class CancelEvent {
 public:
  CancelEvent() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  int fd() const { return fd_.get(); }
  bool triggered() const { return triggered_; }
  void Trigger() {
    triggered_ = true;
    eventfd_write(fd_.get(), 1);
  }

 private:
  UniqueFd fd_;
  std::atomic<bool> triggered_ = false;
};

}  // namespace shoji

#endif  // SHOJI_CORE_SANDBOX_CANCEL_EVENT_H_
