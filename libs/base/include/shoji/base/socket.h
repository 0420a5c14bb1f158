// Unix stream sockets, also under paths longer than the kernel's 107 bytes.
//
// Threads  Safe.
// Errors   ErrnoStatus with the path in the message.
// Example  SHOJI_ASSIGN_OR_RETURN(UniqueFd fd, ConnectUnix("/run/shoji/x/kata.sock"));
#ifndef SHOJI_BASE_SOCKET_H_
#define SHOJI_BASE_SOCKET_H_

#include <string>
#include <utility>

#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji {

// A listening socket bound to `path` with the given mode; replaces a socket file that is there.
// Give it to a child before it runs, and nobody has to wait for the child to listen.
Result<UniqueFd> ListenUnix(const std::string& path, int backlog = 16, unsigned mode = 0600);

// Connects. UNAVAILABLE when nobody listens, NOT_FOUND when there is no such socket.
Result<UniqueFd> ConnectUnix(const std::string& path);

// Two connected ends.
Result<std::pair<UniqueFd, UniqueFd>> SocketPair();

// Sets or clears O_NONBLOCK.
Status SetNonBlocking(int fd, bool on);

}  // namespace shoji

#endif  // SHOJI_BASE_SOCKET_H_
