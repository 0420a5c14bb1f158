// Serves gRPC on a socket: unix, for the agent without a VM, or vsock.
//
// Hybrid  Where a VMM stands between, a client first says "CONNECT <port>\n" and hears "OK
// <port>\n";
//         an agent without a VM does that itself, when it is told which port is its own.
// Threads  The loop's.
// Bounds   At most kMaxClients connections; one more is closed at once.
// Example  auto listener = SocketListener::Create(&loop, &server, "/run/agent.sock");
#ifndef SHOJI_GUEST_AGENT_CHANNEL_SOCKET_LISTENER_H_
#define SHOJI_GUEST_AGENT_CHANNEL_SOCKET_LISTENER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "loop/loop.h"
#include "rpc/server.h"
#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::agent {

class SocketClient;

class SocketListener {
 public:
  static constexpr std::size_t kMaxClients = 128;

  static Result<std::unique_ptr<SocketListener>> Create(Loop* loop, Server* server,
                                                        const std::string& path);
  // On a socket that listens already, of any kind.
  // `hybrid_port`: the only one that clients may ask for; 0: they do not ask.
  static Result<std::unique_ptr<SocketListener>> Serve(Loop* loop, Server* server, UniqueFd socket,
                                                       std::uint32_t hybrid_port = 0);
  ~SocketListener();
  SocketListener(const SocketListener&) = delete;
  SocketListener& operator=(const SocketListener&) = delete;

 private:
  friend class SocketClient;
  SocketListener(Loop* loop, Server* server, std::string path, UniqueFd socket);
  void Accept();
  void Forget(int fd);

  Loop* loop_;
  Server* server_;
  std::string path_;  // empty: nothing to remove
  std::uint32_t hybrid_port_ = 0;
  UniqueFd socket_;
  std::unordered_map<int, std::unique_ptr<SocketClient>> clients_;
};

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_CHANNEL_SOCKET_LISTENER_H_
