#include "shoji/mux/bridge.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace shoji::mux {

std::ptrdiff_t Bridge::Send(std::string_view data) {
  std::size_t done = 0;
  while (done < data.size()) {
    const ssize_t n =
        send(socket_.get(), data.data() + done, data.size() - done, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (n < 0) return -1;
    done += static_cast<std::size_t>(n);
  }
  return static_cast<std::ptrdiff_t>(done);
}

std::ptrdiff_t Bridge::Deliver(std::string_view data) {
  std::ptrdiff_t took = 0;
  if (!delivered()) {
    took = Send(std::string_view(waiting_).substr(sent_));
    if (took < 0) return -1;
    sent_ += static_cast<std::size_t>(took);
  }
  if (delivered()) {
    waiting_.clear();
    sent_ = 0;
    const std::ptrdiff_t direct = Send(data);
    if (direct < 0) return -1;
    took += direct;
    data.remove_prefix(static_cast<std::size_t>(direct));
  }
  waiting_.append(data);
  ShutdownWhenDelivered();
  return took;
}

void Bridge::RemoteFinished() {
  remote_finished_ = true;
  ShutdownWhenDelivered();
}

void Bridge::ShutdownWhenDelivered() {
  if (remote_finished_ && delivered() && socket_) shutdown(socket_.get(), SHUT_WR);
}

bool Bridge::Watch() {
  if (!socket_) return true;
  std::uint32_t wanted = 0;
  if (want_read_ && !local_finished_) wanted |= EPOLLIN;
  if (!delivered()) wanted |= EPOLLOUT;
  // A closed peer is reported whatever was asked for. While there is no room for its last
  // bytes that would spin; once it has said everything, it is what we wait for.
  const bool watch = wanted != 0 || local_finished_;
  if (watch == watched_ && (!watch || wanted == watched_for_)) return true;
  Status status;
  if (!watch) {
    poller_->Remove(socket_.get());
  } else if (watched_) {
    status = poller_->Modify(socket_.get(), wanted, id_);
  } else {
    status = poller_->Add(socket_.get(), wanted, id_);
  }
  watched_ = watch;
  watched_for_ = wanted;
  return status.ok();
}

void Bridge::Close() {
  if (watched_) poller_->Remove(socket_.get());
  watched_ = false;
  socket_.reset();
  waiting_ = std::string();
  sent_ = 0;
}

}  // namespace shoji::mux
