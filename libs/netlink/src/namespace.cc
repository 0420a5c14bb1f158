#include "shoji/netlink/namespace.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <cerrno>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "shoji/base/errno.h"

namespace shoji::netlink {
namespace {

std::string Name(const std::string& path) { return "network namespace \"" + path + "\""; }

}  // namespace

Result<NetNamespace> NetNamespace::Open(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) {
    const int error = errno;
    Status status = ErrnoStatus(error, Name(path));
    if (error != ENOTDIR) return status;
    return NotFound(status.message()).WithErrno(error);
  }
  // What a namespace was mounted on stays as a plain file when the namespace is gone.
  if (ioctl(fd.get(), NS_GET_NSTYPE) != CLONE_NEWNET) {
    return NotFound(Name(path) + " is gone, or never was one: the file is of another kind");
  }
  return NetNamespace(std::move(fd), path);
}

bool NetNamespace::IsSameAs(const std::string& other) const {
  struct stat mine {};
  struct stat theirs {};
  return fstat(fd_.get(), &mine) == 0 && stat(other.c_str(), &theirs) == 0 &&
         mine.st_dev == theirs.st_dev && mine.st_ino == theirs.st_ino;
}

Status NetNamespace::Run(const std::function<Status()>& body) const {
  Status status;
  const auto inside = [&] {
    if (setns(fd_.get(), CLONE_NEWNET) != 0) {
      status = ErrnoStatus(errno, "cannot enter " + Name(path_));
      return;
    }
    try {
      status = body();
    } catch (const std::exception& e) {
      status = Internal("exception in " + Name(path_) + ": " + e.what());
    }
  };
  try {
    std::thread(inside).join();
  } catch (const std::system_error& e) {
    return ResourceExhausted("cannot start a thread for " + Name(path_) + ": " + e.what());
  }
  return status;
}

Result<NetlinkSocket> NetNamespace::OpenSocket() const {
  std::optional<NetlinkSocket> socket;
  SHOJI_RETURN_IF_ERROR(Run([&]() -> Status {
    SHOJI_ASSIGN_OR_RETURN(NetlinkSocket opened, NetlinkSocket::Open());
    socket.emplace(std::move(opened));
    return OkStatus();
  }));
  return std::move(*socket);
}

}  // namespace shoji::netlink
