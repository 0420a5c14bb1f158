// epoll as a set of descriptors with a tag each.
//
// Threads  One.
// Example  poller.Set(fd, EPOLLIN, tag); for (const auto& e : poller.Wait()) ... e.data.u64
#ifndef SHOJI_MUX_POLLER_H_
#define SHOJI_MUX_POLLER_H_

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <span>

#include "shoji/base/errno.h"
#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::mux {

class Poller {
 public:
  Status Open() {
    epoll_.reset(epoll_create1(EPOLL_CLOEXEC));
    return epoll_ ? OkStatus() : ErrnoStatus(errno, "cannot create an epoll descriptor");
  }
  Status Add(int fd, std::uint32_t events, std::uint64_t tag) {
    return Control(EPOLL_CTL_ADD, fd, events, tag);
  }
  Status Modify(int fd, std::uint32_t events, std::uint64_t tag) {
    return Control(EPOLL_CTL_MOD, fd, events, tag);
  }
  void Remove(int fd) { epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

  std::span<epoll_event> Wait() {
    const int count =
        epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()), -1);
    return {events_.data(), count < 0 ? 0U : static_cast<std::size_t>(count)};
  }

 private:
  Status Control(int operation, int fd, std::uint32_t events, std::uint64_t tag) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = tag;
    if (epoll_ctl(epoll_.get(), operation, fd, &event) == 0) return OkStatus();
    return ErrnoStatus(errno, "cannot watch a descriptor");
  }

  UniqueFd epoll_;
  std::array<epoll_event, 64> events_{};
};

}  // namespace shoji::mux

#endif  // SHOJI_MUX_POLLER_H_
