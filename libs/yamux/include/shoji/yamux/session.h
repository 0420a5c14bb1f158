// yamux: many streams over one byte pipe (hashicorp/yamux, protocol version 0).
//
// Purpose  The protocol as a state machine without input or output of its own: bytes that
//          arrived go in with Feed(), bytes to send come out of PendingOutput(). The
//          caller owns descriptors, threads and time. Kata's agent is the server, its
//          runtime or proxy the client.
// Threads  One thread at a time; callbacks come from inside Feed().
// Bounds   Memory is bounded whatever the peer does: received data is handed on at once
//          and at most one window (256 KiB) a stream may be unconsumed; at most
//          `max_streams` streams; output that waits for the pipe is bounded by what the
//          caller wrote plus a fixed budget for answers.
// Example
//     class Echo : public yamux::Listener {
//       void OnData(yamux::StreamId id, std::string_view data) override {
//         session->Write(id, data);
//         session->Consume(id, data.size());
//       }
//     };
//     yamux::Session session(yamux::Role::kServer, &echo, {});
//     if (Status s = session.Feed(bytes); !s.ok()) ...   // then send PendingOutput() and close
//     const ssize_t n = write(fd, out.data(), out.size()); session.OutputSent(n);
#ifndef SHOJI_YAMUX_SESSION_H_
#define SHOJI_YAMUX_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "shoji/status.h"

namespace shoji::yamux {

using StreamId = std::uint32_t;

enum class Role { kClient, kServer };  // clients open odd stream ids, servers even ones

enum class GoAwayCode : std::uint32_t { kNormal = 0, kProtocolError = 1, kInternalError = 2 };

inline constexpr std::uint32_t kInitialWindow = 256U * 1024U;  // bytes, also the largest window

// Told of what the peer did. Callbacks may call any function of the session except Feed().
class Listener {
 public:
  virtual ~Listener() = default;
  // The peer opened a stream; it may be written to at once.
  virtual void OnOpened(StreamId /*id*/) {}
  // Data arrived. It counts against the peer's window until Consume()d.
  virtual void OnData(StreamId id, std::string_view data) = 0;
  // The peer will send no more; our direction stays open.
  virtual void OnFinished(StreamId /*id*/) {}
  // The stream is gone, in both directions (reset by the peer, or the session ended).
  virtual void OnReset(StreamId /*id*/) {}
  // Write() took less than offered before and can take more now.
  virtual void OnWritable(StreamId /*id*/) {}
  // An answer to our Ping() with this value.
  virtual void OnPong(std::uint32_t /*value*/) {}
  // The peer wants no new streams.
  virtual void OnGoAway(GoAwayCode /*code*/) {}
};

struct Options {
  std::size_t max_streams = 4096;    // open at the same time; more are reset
  std::size_t accept_backlog = 256;  // opened by the peer, of which none was answered yet
  // Id of the first stream of our side (the role's parity is forced upon it). A client that
  // takes over a pipe begins at a random one: bytes left over from the session before then
  // never look like those of a stream of its own.
  StreamId first_stream = 1;
  // The peer may not know that another session came before this one on the same pipe: frames for
  // streams of our side that we never opened are no error then. They are passed over, and the peer
  // is told that these streams are gone.
  bool pipe_was_used = false;
};

class Session {
 public:
  // `listener` is borrowed and outlives the session.
  Session(Role role, Listener* listener, Options options);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Takes bytes from the peer. INVALID_ARGUMENT when the peer breaks the protocol: a
  // go-away is then queued, every stream is reset, and the session takes nothing more.
  Status Feed(std::string_view bytes);

  // The bytes to send next, which may be a part of all that wait; empty when none do. Valid
  // until the next call of a non-const function.
  std::string_view PendingOutput() const;
  // How many bytes wait in all.
  std::size_t PendingBytes() const;
  // `count` of them were sent.
  void OutputSent(std::size_t count);

  // Opens a stream. RESOURCE_EXHAUSTED at max_streams, UNAVAILABLE after a go-away of
  // either side.
  Result<StreamId> Open();
  // Queues data; gives how many bytes the peer's window took. Less than offered:
  // OnWritable() follows. 0 for a stream that is finished or unknown.
  std::size_t Write(StreamId id, std::string_view data);
  // Bytes Write() would take now.
  std::size_t Writable(StreamId id) const;
  // We will send no more. Idempotent.
  void Finish(StreamId id);
  // Ends the stream at once, both directions. Idempotent.
  void Reset(StreamId id);
  // `count` bytes given by OnData() were used up: the peer may send as many more.
  void Consume(StreamId id, std::size_t count);

  void Ping(std::uint32_t value);
  void GoAway(GoAwayCode code);

  std::size_t stream_count() const;
  bool failed() const;  // Feed() returned an error

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace shoji::yamux

#endif  // SHOJI_YAMUX_SESSION_H_
