#include "peer.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "shoji/base/errno.h"

namespace shoji::cache {

Result<Peer> PeerOf(int fd) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0) {
    return ErrnoStatus(errno, "cannot tell who is at the other end of a socket");
  }
  return Peer{credentials.pid, credentials.uid};
}

bool MayAsk(const Peer& peer) { return peer.uid == 0 || peer.uid == geteuid(); }

bool SharesMounts(const Peer& peer) {
  struct stat ours {};
  struct stat theirs {};
  const std::string path = "/proc/" + std::to_string(peer.pid) + "/ns/mnt";
  return stat("/proc/self/ns/mnt", &ours) == 0 && stat(path.c_str(), &theirs) == 0 &&
         ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev;
}

}  // namespace shoji::cache
