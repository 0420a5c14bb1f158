// Gives the VMs of a pool to other processes.
//
// Purpose  gRPC (shoji-cache/cache.proto) on a unix socket of mode 0600; only root and the user
//          of this process are listened to. A VM is moved into the directory of the sandbox that
//          asks before the answer is sent: whoever dies when, it belongs to one of the two.
// Threads  Run() blocks one thread; calls are served by gRPC's own.
// Example
//     SHOJI_ASSIGN_OR_RETURN(const SocketLock lock, SocketLock::Take(path));
//     SHOJI_ASSIGN_OR_RETURN(auto server, Server::Listen(host, &pool, run_dir, path));
//     return server->Run(cancel_fd);
#ifndef SHOJI_FACTORIES_CACHE_SERVER_H_
#define SHOJI_FACTORIES_CACHE_SERVER_H_

#include <memory>
#include <string>

#include "pool.h"
#include "shoji/sdk/plugin.h"

namespace shoji::cache {

class Server {
 public:
  // The pool outlives it, and so does the lock of the socket, which the caller has.
  static Result<std::unique_ptr<Server>> Listen(const sdk::Host& host, Pool* pool,
                                                const std::string& run_dir,
                                                const std::string& socket_path);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // OK when another process asked for the end, CANCELLED when `cancel_fd` got readable. The
  // socket is gone then.
  Status Run(int cancel_fd);

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace shoji::cache

#endif  // SHOJI_FACTORIES_CACHE_SERVER_H_
