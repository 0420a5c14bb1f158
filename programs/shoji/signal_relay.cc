#include "signal_relay.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "shoji/base/errno.h"

namespace shoji::cli {
namespace {

// Everything a person or an engine may send. Not: job control (Ctrl-Z suspends us), faults
// of our own, SIGPIPE, SIGCHLD.
constexpr int kRelayed[] = {SIGHUP,  SIGINT,   SIGQUIT, SIGTERM, SIGUSR1,
                            SIGUSR2, SIGWINCH, SIGALRM, SIGCONT};

bool AsksForEnd(int signal) {
  return signal == SIGHUP || signal == SIGINT || signal == SIGQUIT || signal == SIGTERM;
}

void Raise(int event_fd) {
  const std::uint64_t one = 1;
  while (write(event_fd, &one, sizeof(one)) < 0 && errno == EINTR) {
  }
}

}  // namespace

Result<std::unique_ptr<SignalRelay>> SignalRelay::Start() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : kRelayed) sigaddset(&set, signal);
  if (pthread_sigmask(SIG_BLOCK, &set, nullptr) != 0) return Internal("cannot block signals");
  std::unique_ptr<SignalRelay> relay(new SignalRelay);
  relay->signals_.reset(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  relay->cancel_.reset(eventfd(0, EFD_CLOEXEC));
  relay->stop_.reset(eventfd(0, EFD_CLOEXEC));
  if (!relay->signals_ || !relay->cancel_ || !relay->stop_) {
    return ErrnoStatus(errno, "cannot wait for signals");
  }
  relay->thread_ = std::thread([r = relay.get()] { r->Loop(); });
  return relay;
}

SignalRelay::~SignalRelay() {
  if (!thread_.joinable()) return;
  Raise(stop_.get());
  thread_.join();
}

int SignalRelay::cancelled_by() const {
  MutexLock lock(mutex_);
  return cancelled_by_;
}

void SignalRelay::Hold() {
  MutexLock lock(mutex_);
  holding_ = true;
}

void SignalRelay::Attach(std::function<void(int)> handler) {
  MutexLock lock(mutex_);
  handler_ = std::move(handler);
  attached_once_ = true;
  // It came too late to cancel anything: the process gets it.
  if (const int late = std::exchange(cancelled_by_, 0); late != 0) handler_(late);
  holding_ = false;
  for (const int signal : std::exchange(held_, {})) handler_(signal);
}

void SignalRelay::Detach() {
  MutexLock lock(mutex_);
  handler_ = nullptr;
}

void SignalRelay::Loop() {
  for (;;) {
    pollfd fds[2] = {{signals_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    if (poll(fds, 2, -1) < 0 && errno != EINTR) return;
    if (fds[1].revents != 0) return;
    signalfd_siginfo info{};
    if (read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
      Handle(static_cast<int>(info.ssi_signo));
    }
  }
}

void SignalRelay::Handle(int signal) {
  MutexLock lock(mutex_);
  if (handler_) {
    handler_(signal);
  } else if (holding_) {
    held_.insert(signal);
  } else if (!attached_once_ && AsksForEnd(signal)) {
    cancelled_by_ = signal;
    Raise(cancel_.get());
  }
}

}  // namespace shoji::cli
