// The local end of one stream: a socket, and what it has not taken yet.
//
// Purpose  Bounded by the stream's window: the peer gets credit only for what the socket took.
// Threads  One.
#ifndef SHOJI_MUX_BRIDGE_H_
#define SHOJI_MUX_BRIDGE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "shoji/base/unique_fd.h"
#include "shoji/mux/poller.h"
#include "shoji/yamux/session.h"

namespace shoji::mux {

class Bridge {
 public:
  // `socket` is connected and non-blocking.
  Bridge(Poller* poller, yamux::StreamId id, UniqueFd socket)
      : poller_(poller), id_(id), socket_(std::move(socket)) {}
  ~Bridge() { Close(); }
  Bridge(const Bridge&) = delete;
  Bridge& operator=(const Bridge&) = delete;

  int socket() const { return socket_.get(); }
  bool open() const { return static_cast<bool>(socket_); }

  // Hands data on; gives how many bytes the socket took (also of what waited before), or
  // -1 when nobody reads there any more.
  std::ptrdiff_t Deliver(std::string_view data);
  std::ptrdiff_t Flush() { return Deliver({}); }

  // The peer will send no more: passed on as soon as everything was delivered.
  void RemoteFinished();
  bool remote_finished() const { return remote_finished_; }
  bool delivered() const { return waiting_.size() == sent_; }

  // The local side will send no more.
  void LocalFinished() { local_finished_ = true; }
  bool local_finished() const { return local_finished_; }

  // Whether there is room for what the socket has to say.
  void WantRead(bool want) { want_read_ = want; }
  // Tells the poller what is wanted now. False: it could not.
  bool Watch();
  void Close();

  int linger = 0;  // ticks since the socket was closed before the stream had ended

 private:
  std::ptrdiff_t Send(std::string_view data);
  void ShutdownWhenDelivered();

  Poller* const poller_;
  const yamux::StreamId id_;
  UniqueFd socket_;
  std::string waiting_;
  std::size_t sent_ = 0;  // of waiting_
  bool remote_finished_ = false;
  bool local_finished_ = false;
  bool want_read_ = true;
  bool watched_ = false;
  std::uint32_t watched_for_ = 0;
};

}  // namespace shoji::mux

#endif  // SHOJI_MUX_BRIDGE_H_
