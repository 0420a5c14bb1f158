#include "cancel_watcher.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <utility>

#include "shoji/base/errno.h"

namespace shoji::agent_kata {

namespace {

Status AddOnce(int epoll, int fd, std::uint64_t id) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLONESHOT;
  event.data.u64 = id;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0) return OkStatus();
  if (errno == EPERM)
    return InvalidArgument(
        "cancel_fd of the call is a file, not a descriptor "
        "that can be waited for");
  return ErrnoStatus(errno, "cannot watch cancel_fd of the call");
}

}  // namespace

CancelWatcher::~CancelWatcher() {
  std::thread thread;
  {
    const MutexLock lock(mutex_);
    thread.swap(thread_);
  }
  if (!thread.joinable()) return;
  eventfd_write(stop_.get(), 1);
  thread.join();
}

Status CancelWatcher::Start() {
  epoll_.reset(epoll_create1(EPOLL_CLOEXEC));
  stop_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!epoll_ || !stop_) return ErrnoStatus(errno, "cannot make the descriptors of cancelling");
  SHOJI_RETURN_IF_ERROR(AddOnce(epoll_.get(), stop_.get(), 0));
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // signals are the host's
  thread_ = std::thread([this] { Run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return OkStatus();
}

Result<CancelWatcher::Registration> CancelWatcher::Watch(int cancel_fd,
                                                         std::function<void()> callback) {
  if (cancel_fd < 0) return Registration();
  // A descriptor of our own: several calls may share the caller's.
  UniqueFd fd(fcntl(cancel_fd, F_DUPFD_CLOEXEC, 0));
  if (!fd) return ErrnoStatus(errno, "cannot use cancel_fd " + std::to_string(cancel_fd));
  const MutexLock lock(mutex_);
  if (!thread_.joinable()) SHOJI_RETURN_IF_ERROR(Start());
  const std::uint64_t id = next_++;
  callbacks_[id] = std::move(callback);
  if (Status added = AddOnce(epoll_.get(), fd.get(), id); !added.ok()) {
    callbacks_.erase(id);
    return added;
  }
  return Registration(this, id, std::move(fd));
}

void CancelWatcher::Forget(std::uint64_t id, int fd) {
  const MutexLock lock(mutex_);
  callbacks_.erase(id);
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void CancelWatcher::Run() {
  while (true) {
    epoll_event event{};
    if (epoll_wait(epoll_.get(), &event, 1, -1) < 1) continue;
    if (event.data.u64 == 0) return;
    const MutexLock lock(mutex_);
    const auto it = callbacks_.find(event.data.u64);
    if (it != callbacks_.end()) it->second();
  }
}

}  // namespace shoji::agent_kata
