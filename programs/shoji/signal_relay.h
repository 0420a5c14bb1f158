// Signals that reach `shoji` belong to the container's process.
//
// Purpose  Before the process runs, a signal that asks for an end cancels what is under way
//          (through cancel_fd); afterwards every signal is given to the handler.
// Threads  One thread of its own waits on a signalfd. Create it before any other thread, so
//          that all inherit the blocked signals.
// Example
//     SHOJI_ASSIGN_OR_RETURN(auto relay, SignalRelay::Start());
//     options.cancel_fd = relay->cancel_fd();
//     ... create ...
//     relay->Attach([&](int signal) { sandbox->SignalProcess(...); });
#ifndef SHOJI_PROGRAMS_SHOJI_SIGNAL_RELAY_H_
#define SHOJI_PROGRAMS_SHOJI_SIGNAL_RELAY_H_

#include <functional>
#include <memory>
#include <set>
#include <thread>

#include "shoji/base/thread_annotations.h"
#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::cli {

class SignalRelay {
 public:
  static Result<std::unique_ptr<SignalRelay>> Start();
  ~SignalRelay();
  SignalRelay(const SignalRelay&) = delete;
  SignalRelay& operator=(const SignalRelay&) = delete;

  // Readable once a signal asked for the end before Attach().
  int cancel_fd() const { return cancel_.get(); }
  // That signal, or 0.
  int cancelled_by() const;

  // From now on signals cancel nothing and wait for Attach(): what is under way may have been done
  // already, and whoever sees it done means the process.
  void Hold();
  // From now on signals go to `handler`, first those that came too late to cancel.
  void Attach(std::function<void(int)> handler);
  // Later signals are dropped. Returns when no call of the handler is under way.
  void Detach();

 private:
  SignalRelay() = default;
  void Loop();
  void Handle(int signal);

  UniqueFd signals_;
  UniqueFd cancel_;
  UniqueFd stop_;
  std::thread thread_;
  mutable Mutex mutex_;
  std::function<void(int)> handler_ SHOJI_GUARDED_BY(mutex_);
  bool attached_once_ SHOJI_GUARDED_BY(mutex_) = false;
  bool holding_ SHOJI_GUARDED_BY(mutex_) = false;
  std::set<int> held_ SHOJI_GUARDED_BY(mutex_);  // as the kernel does: each once
  int cancelled_by_ SHOJI_GUARDED_BY(mutex_) = 0;
};

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_SIGNAL_RELAY_H_
