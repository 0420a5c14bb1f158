// Who is at the other end of a unix socket.
//
// Threads  Safe, no state.
// Example  SHOJI_ASSIGN_OR_RETURN(const Peer peer, PeerOf(fd)); if (!MayAsk(peer)) ...
#ifndef SHOJI_FACTORIES_CACHE_PEER_H_
#define SHOJI_FACTORIES_CACHE_PEER_H_

#include <sys/types.h>

#include "shoji/status.h"

namespace shoji::cache {

struct Peer {
  pid_t pid = 0;
  uid_t uid = 0;
};

Result<Peer> PeerOf(int fd);

// Root and the user of this process.
bool MayAsk(const Peer& peer);

// What one of the two mounts the other one sees.
bool SharesMounts(const Peer& peer);

}  // namespace shoji::cache

#endif  // SHOJI_FACTORIES_CACHE_PEER_H_
