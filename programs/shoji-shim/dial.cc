#include "dial.h"

#include <linux/vm_sockets.h>
#include <sys/socket.h>

#include <cerrno>
#include <limits>

#include "shoji/base/errno.h"
#include "shoji/base/socket.h"
#include "shoji/base/strings.h"

namespace shoji::shim {

namespace {

constexpr std::string_view kUnix = "unix://";
constexpr std::string_view kVsock = "vsock://";

Result<sockaddr_vm> VsockAddress(const std::string& url) {
  const std::string rest = url.substr(kVsock.size());
  const std::size_t colon = rest.find(':');
  const auto cid = ParseInt(rest.substr(0, colon));
  const auto port = ParseInt(colon == std::string::npos ? "" : rest.substr(colon + 1));
  for (const auto* number : {&cid, &port}) {
    if (number->ok() && **number > 0 && **number < std::numeric_limits<std::uint32_t>::max()) {
      continue;
    }
    return InvalidArgument("-agent is \"" + url + "\", expected vsock://cid:port");
  }
  sockaddr_vm address{};
  address.svm_family = AF_VSOCK;
  address.svm_cid = static_cast<std::uint32_t>(*cid);
  address.svm_port = static_cast<std::uint32_t>(*port);
  return address;
}

Result<UniqueFd> DialVsock(const std::string& url) {
  SHOJI_ASSIGN_OR_RETURN(const sockaddr_vm address, VsockAddress(url));
  UniqueFd fd(socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return ErrnoStatus(errno, "cannot make a socket for " + url);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    return ErrnoStatus(errno, "cannot connect to " + url);
  }
  return fd;
}

Result<UniqueFd> DialAny(const std::string& url) {
  if (url.starts_with(kVsock)) return DialVsock(url);
  const std::string path = url.starts_with(kUnix) ? url.substr(kUnix.size()) : url;
  if (!path.starts_with('/')) {
    return InvalidArgument("-agent is \"" + url + "\", expected unix:///path or vsock://cid:port");
  }
  return ConnectUnix(path);
}

}  // namespace

Result<UniqueFd> Dial(const std::string& url) {
  SHOJI_ASSIGN_OR_RETURN(UniqueFd fd, DialAny(url));
  SHOJI_RETURN_IF_ERROR(SetNonBlocking(fd.get(), true));
  return fd;
}

}  // namespace shoji::shim
