// Serves gRPC on a socket: unix, for the agent without a VM, or vsock.
//
// Threads  The loop's.
// Bounds   At most kMaxClients connections; one more is closed at once.
// Example  auto listener = SocketListener::Create(&loop, &server, "/run/agent.sock");
#ifndef SHOJI_GUEST_AGENT_CHANNEL_SOCKET_LISTENER_H_
#define SHOJI_GUEST_AGENT_CHANNEL_SOCKET_LISTENER_H_

#include <cstddef>
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
  static Result<std::unique_ptr<SocketListener>> Serve(Loop* loop, Server* server, UniqueFd socket);
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
  UniqueFd socket_;
  std::unordered_map<int, std::unique_ptr<SocketClient>> clients_;
};

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_CHANNEL_SOCKET_LISTENER_H_
