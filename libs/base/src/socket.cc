#include "shoji/base/socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "shoji/base/errno.h"
#include "shoji/base/file.h"

namespace shoji {
namespace {

// sun_path holds 107 bytes; a longer path is reached through a descriptor of its
// directory.
struct SocketAddress {
  sockaddr_un addr{};
  UniqueFd dir;
};

Result<SocketAddress> AddressOf(const std::string& path) {
  SocketAddress out;
  out.addr.sun_family = AF_UNIX;
  std::string name = path;
  if (path.size() >= sizeof(out.addr.sun_path)) {
    const std::size_t slash = path.rfind('/');
    const std::string dir = slash == std::string::npos ? "." : path.substr(0, slash);
    out.dir.reset(open(dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!out.dir) return ErrnoStatus(errno, "cannot open directory " + dir);
    name = "/proc/self/fd/" + std::to_string(out.dir.get()) + path.substr(slash);
    if (name.size() >= sizeof(out.addr.sun_path)) {
      return InvalidArgument("name of the socket " + path + " is too long");
    }
  }
  memcpy(out.addr.sun_path, name.c_str(), name.size() + 1);
  return out;
}

Result<UniqueFd> NewSocket() {
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return ErrnoStatus(errno, "cannot create a unix socket");
  return fd;
}

}  // namespace

Result<UniqueFd> ListenUnix(const std::string& path, int backlog, unsigned mode) {
  SHOJI_ASSIGN_OR_RETURN(SocketAddress address, AddressOf(path));
  SHOJI_ASSIGN_OR_RETURN(UniqueFd fd, NewSocket());
  SHOJI_RETURN_IF_ERROR(RemoveFile(path));
  // The mode of the socket file is set before it can be connected to.
  fchmod(fd.get(), static_cast<mode_t>(mode));
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address.addr), sizeof(address.addr)) < 0) {
    return ErrnoStatus(errno, "cannot bind socket " + path);
  }
  if (listen(fd.get(), backlog) < 0) return ErrnoStatus(errno, "cannot listen on " + path);
  return fd;
}

Result<UniqueFd> ConnectUnix(const std::string& path) {
  SHOJI_ASSIGN_OR_RETURN(SocketAddress address, AddressOf(path));
  SHOJI_ASSIGN_OR_RETURN(UniqueFd fd, NewSocket());
  int rc = 0;
  do {
    rc = connect(fd.get(), reinterpret_cast<const sockaddr*>(&address.addr), sizeof(address.addr));
  } while (rc < 0 && errno == EINTR);
  if (rc < 0) return ErrnoStatus(errno, "cannot connect to " + path);
  return fd;
}

Result<std::pair<UniqueFd, UniqueFd>> SocketPair() {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
    return ErrnoStatus(errno, "cannot create a socket pair");
  }
  return std::pair<UniqueFd, UniqueFd>(UniqueFd(fds[0]), UniqueFd(fds[1]));
}

Status SetNonBlocking(int fd, bool on) {
  const int flags = fcntl(fd, F_GETFL);
  const int wanted = on ? (flags | O_NONBLOCK) : (flags & ~O_NONBLOCK);
  if (flags < 0 || fcntl(fd, F_SETFL, wanted) < 0) {
    return ErrnoStatus(errno, "cannot change the mode of descriptor " + std::to_string(fd));
  }
  return OkStatus();
}

}  // namespace shoji
