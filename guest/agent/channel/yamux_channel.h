// Serves gRPC over one byte pipe: yamux on the pipe, each stream one HTTP/2 connection.
//
// Purpose  The state between "the host connected" and "the host went away". Owns neither
//          the pipe nor its events: bytes go in with Feed(), out through Drain().
// Threads  The loop's.
// Bounds   At most kMaxClients streams; what waits for the pipe stays near kHighWater,
//          and a stream whose client does not read holds up no other.
// Example  YamuxChannel channel(&loop, &server, [&] { WritePort(); });
#ifndef SHOJI_GUEST_AGENT_CHANNEL_YAMUX_CHANNEL_H_
#define SHOJI_GUEST_AGENT_CHANNEL_YAMUX_CHANNEL_H_

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string_view>

#include "loop/loop.h"
#include "rpc/server.h"
#include "shoji/status.h"
#include "shoji/yamux/session.h"

namespace shoji::agent {

class YamuxClient;

class YamuxChannel final : private yamux::Listener {
 public:
  static constexpr std::size_t kMaxClients = 512;
  static constexpr std::size_t kHighWater = 1U << 20U;

  // `wants_to_send` is called when there is something for Drain().
  YamuxChannel(Loop* loop, Server* server, std::function<void()> wants_to_send);
  ~YamuxChannel() override;
  YamuxChannel(const YamuxChannel&) = delete;
  YamuxChannel& operator=(const YamuxChannel&) = delete;

  // An error: the host broke yamux; send what Drain() still has, then end the channel.
  Status Feed(std::string_view bytes);
  // The host has gone: whatever it asked for ends. Who is told, by Drain(), is the next one, if it
  // is there already: its first streams may have been taken for some of the host before.
  void End();
  // Hands waiting bytes to `write`, which says how many it took, until it takes less than
  // offered. True when nothing waits any more.
  bool Drain(const std::function<std::size_t(std::string_view)>& write);

  // Drain() with a `write` that may take a part of what it could: until it takes nothing.
  bool DrainAll(const std::function<std::size_t(std::string_view)>& write);

 private:
  friend class YamuxClient;
  void OnOpened(yamux::StreamId id) override;
  void OnData(yamux::StreamId id, std::string_view data) override;
  void OnFinished(yamux::StreamId id) override;
  void OnReset(yamux::StreamId id) override;
  void OnWritable(yamux::StreamId id) override;

  std::size_t Send(yamux::StreamId id, std::string_view bytes);
  std::size_t Room(yamux::StreamId id) const;
  void FlushClients();

  Loop* loop_;
  Server* server_;
  std::function<void()> wants_to_send_;
  yamux::Session session_;
  bool held_ = false;  // some client was told to wait for the pipe
  yamux::StreamId next_turn_ = 0;
  std::map<yamux::StreamId, std::unique_ptr<YamuxClient>> clients_;
};

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_CHANNEL_YAMUX_CHANNEL_H_
