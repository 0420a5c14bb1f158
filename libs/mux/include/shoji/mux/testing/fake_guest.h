// A guest for tests: listens like QEMU's serial socket, one client at a time, and runs a
// yamux server that echoes every stream and half-closes when its peer does.
#ifndef SHOJI_MUX_TESTING_FAKE_GUEST_H_
#define SHOJI_MUX_TESTING_FAKE_GUEST_H_

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "shoji/base/socket.h"
#include "shoji/base/unique_fd.h"
#include "shoji/yamux/session.h"

namespace shoji::mux {

class FakeGuest : private yamux::Listener {
 public:
  struct Behaviour {
    bool echo = true;         // false: take nothing, give no credit
    std::string garbage{};    // sent before anything else to the first client
    bool slow_start = false;  // reads nothing until Wake()
  };

  FakeGuest(const std::string& path, Behaviour behaviour)
      : behaviour_(std::move(behaviour)), listen_(std::move(*ListenUnix(path, 1))) {
    stop_.reset(eventfd(0, EFD_CLOEXEC));
    wake_.reset(eventfd(behaviour_.slow_start ? 0 : 1, EFD_CLOEXEC));
    thread_ = std::thread([this] { Run(); });
  }
  ~FakeGuest() override { Die(); }

  // As when the VM ends.
  void Die() {
    if (!thread_.joinable()) return;
    eventfd_write(stop_.get(), 1);
    thread_.join();
  }
  void Wake() { eventfd_write(wake_.get(), 1); }

  std::atomic<int> clients = 0;
  std::atomic<int> opened = 0;
  std::atomic<std::size_t> received = 0;

 private:
  struct Stream {
    std::string waiting;
    bool finished = false;
  };

  // False when told to stop.
  bool Await(int fd, short events) {
    pollfd p[2] = {{fd, events, 0}, {stop_.get(), POLLIN, 0}};
    while (poll(p, 2, -1) < 0) {
    }
    return p[1].revents == 0;
  }

  void Run() {
    if (Await(wake_.get(), POLLIN)) Listen();
    client_.reset();
    listen_.reset();
  }

  void Listen() {
    while (Await(listen_.get(), POLLIN)) {
      client_.reset(accept4(listen_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (!client_) continue;
      ++clients;
      streams_.clear();
      session_ = std::make_unique<yamux::Session>(
          yamux::Role::kServer, static_cast<yamux::Listener*>(this), yamux::Options{});
      if (!behaviour_.garbage.empty()) {
        const std::string garbage = std::exchange(behaviour_.garbage, {});
        static_cast<void>(send(client_.get(), garbage.data(), garbage.size(), MSG_NOSIGNAL));
      }
      if (!Serve()) break;
    }
  }

  // False when told to stop, true when the client has gone.
  bool Serve() {
    std::vector<char> buffer(256U << 10U);
    while (true) {
      const bool out = !session_->PendingOutput().empty();
      if (!Await(client_.get(), static_cast<short>(out ? POLLIN | POLLOUT : POLLIN))) return false;
      const ssize_t n = recv(client_.get(), buffer.data(), buffer.size(), 0);
      if (n == 0 || (n < 0 && errno != EAGAIN)) return true;
      if (n > 0 && !session_->Feed({buffer.data(), static_cast<std::size_t>(n)}).ok()) return true;
      const std::string_view pending = session_->PendingOutput();
      const ssize_t sent = send(client_.get(), pending.data(), pending.size(), MSG_NOSIGNAL);
      if (sent > 0) session_->OutputSent(static_cast<std::size_t>(sent));
    }
  }

  void OnOpened(yamux::StreamId /*id*/) override { ++opened; }
  void OnData(yamux::StreamId id, std::string_view data) override {
    received += data.size();
    if (!behaviour_.echo) return;
    streams_[id].waiting += data;
    OnWritable(id);
  }
  void OnWritable(yamux::StreamId id) override {
    Stream& stream = streams_[id];
    const std::size_t n = session_->Write(id, stream.waiting);
    stream.waiting.erase(0, n);
    session_->Consume(id, n);
    if (stream.finished && stream.waiting.empty()) session_->Finish(id);
  }
  void OnFinished(yamux::StreamId id) override {
    streams_[id].finished = true;
    OnWritable(id);
  }
  void OnReset(yamux::StreamId id) override { streams_.erase(id); }

  Behaviour behaviour_;
  UniqueFd listen_;
  UniqueFd client_;
  UniqueFd stop_;
  UniqueFd wake_;
  std::unique_ptr<yamux::Session> session_;
  std::map<yamux::StreamId, Stream> streams_;
  std::thread thread_;
};

}  // namespace shoji::mux

#endif  // SHOJI_MUX_TESTING_FAKE_GUEST_H_
