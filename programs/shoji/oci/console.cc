#include "oci/console.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "shoji/base/errno.h"
#include "shoji/base/socket.h"

namespace shoji::cli {

Result<Console> Console::Open(std::uint16_t rows, std::uint16_t columns) {
  UniqueFd master(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!master) return ErrnoStatus(errno, "cannot open a pseudo-terminal");
  if (grantpt(master.get()) < 0 || unlockpt(master.get()) < 0) {
    return ErrnoStatus(errno, "cannot unlock a pseudo-terminal");
  }
  char name[PATH_MAX];
  if (ptsname_r(master.get(), name, sizeof(name)) != 0) {
    return ErrnoStatus(errno, "cannot tell the name of a pseudo-terminal");
  }
  UniqueFd slave(open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!slave) return ErrnoStatus(errno, std::string("cannot open ") + name);
  if (rows != 0 && columns != 0) {
    const winsize size = {rows, columns, 0, 0};
    if (ioctl(master.get(), TIOCSWINSZ, &size) < 0) {
      return ErrnoStatus(errno, std::string("cannot set the size of ") + name);
    }
  }
  return Console(std::move(master), std::move(slave), name);
}

Status Console::SendTo(const std::string& socket_path) const {
  auto socket = ConnectUnix(socket_path);
  if (!socket.ok()) return socket.status().WithContext("--console-socket");
  std::string name = path_;
  iovec data = {name.data(), name.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  const int fd = master_.get();
  memcpy(CMSG_DATA(header), &fd, sizeof(fd));
  while (sendmsg(socket->get(), &message, MSG_NOSIGNAL) < 0) {
    if (errno != EINTR) {
      return ErrnoStatus(errno,
                         "cannot send the pseudo-terminal to --console-socket " + socket_path);
    }
  }
  return OkStatus();
}

}  // namespace shoji::cli
