// The channel to the host without a VM: a listening unix socket in place of a serial port.
//
// Purpose  Takes one client at a time, as a serial port has one, and runs a YamuxChannel for
//          it until it goes away; the next one waits in the socket's queue meanwhile.
// Threads  The loop's.
// Example  auto listener = YamuxListener::Serve(&loop, &server, std::move(socket));
#ifndef SHOJI_GUEST_AGENT_CHANNEL_YAMUX_LISTENER_H_
#define SHOJI_GUEST_AGENT_CHANNEL_YAMUX_LISTENER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "channel/yamux_channel.h"
#include "loop/loop.h"
#include "rpc/server.h"
#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::agent {

class YamuxListener {
 public:
  // `socket` listens already.
  static Result<std::unique_ptr<YamuxListener>> Serve(Loop* loop, Server* server, UniqueFd socket);
  ~YamuxListener();
  YamuxListener(const YamuxListener&) = delete;
  YamuxListener& operator=(const YamuxListener&) = delete;

 private:
  YamuxListener(Loop* loop, Server* server, UniqueFd socket)
      : loop_(loop), server_(server), socket_(std::move(socket)) {}
  Status Await();
  void Accept();
  void Connect(UniqueFd client);
  void OnEvents(std::uint32_t events);
  bool Read();
  void Write();
  std::size_t WriteSome(std::string_view bytes);
  void Disconnect();

  Loop* loop_;
  Server* server_;
  UniqueFd socket_;
  UniqueFd client_;
  std::unique_ptr<YamuxChannel> channel_;  // while a client is there
  bool write_planned_ = false;
};

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_CHANNEL_YAMUX_LISTENER_H_
