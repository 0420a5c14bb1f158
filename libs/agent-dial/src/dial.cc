#include "shoji/agent_dial/dial.h"

#include <linux/vm_sockets.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "shoji/base/errno.h"
#include "shoji/base/socket.h"

namespace shoji {
namespace {

constexpr std::chrono::milliseconds kBetweenTries{20};
constexpr std::chrono::seconds kHandshakeLimit{10};
constexpr std::size_t kMaxAnswer = 64;

Status NotYet(const std::string& message) { return Unavailable(message).WithDetail("retry", "1"); }

// Until `fd` is ready; below zero: until the deadline.
Status Await(int fd, short events, const DialLimits& limits) {
  pollfd fds[2] = {{fd, events, 0}, {limits.cancel_fd, POLLIN, 0}};
  while (true) {
    const int n = poll(fds, 2, limits.deadline.PollTimeout());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "cannot wait for the guest agent");
    if (fds[1].revents != 0) return Cancelled("cancelled while the guest agent was dialled");
    if (n == 0) return DeadlineExceeded("the guest agent was not reached in time");
    return OkStatus();
  }
}

Status SendAll(int fd, std::string_view data, const DialLimits& limits) {
  while (!data.empty()) {
    SHOJI_RETURN_IF_ERROR(Await(fd, POLLOUT, limits));
    const ssize_t n = send(fd, data.data(), data.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0) return NotYet("the VMM closed the connection");
    data.remove_prefix(static_cast<std::size_t>(n));
  }
  return OkStatus();
}

// Byte by byte: what follows the line belongs to the agent's protocol.
Result<std::string> ReadLine(int fd, const DialLimits& limits) {
  std::string line;
  while (line.size() < kMaxAnswer) {
    SHOJI_RETURN_IF_ERROR(Await(fd, POLLIN, limits));
    char c = 0;
    const ssize_t n = recv(fd, &c, 1, MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    // So a VMM tells that nothing listens on the port.
    if (n <= 0 && line.empty()) return NotYet("nothing listens in the guest");
    if (n <= 0) return NotYet("the VMM closed the connection in the middle of its answer");
    if (c == '\n') return line;
    line += c;
  }
  return Internal("the VMM's answer has no end; this is no socket of hybrid vsock");
}

Status Handshake(int fd, std::uint32_t port, DialLimits limits) {
  limits.deadline = limits.deadline.Min(Deadline::After(kHandshakeLimit));
  SHOJI_RETURN_IF_ERROR(SendAll(fd, "CONNECT " + std::to_string(port) + "\n", limits));
  SHOJI_ASSIGN_OR_RETURN(const std::string line, ReadLine(fd, limits));
  if (line == "OK" || line.starts_with("OK ") || line == "OK\r") return OkStatus();
  std::string shown;
  for (const char c : line) shown += c >= ' ' && c <= '~' ? c : '?';
  return Internal("the VMM answered \"" + shown +
                  "\" instead of OK; this is no socket of hybrid vsock");
}

Result<UniqueFd> DialHybrid(const AgentAddress& address, const DialLimits& limits) {
  SHOJI_ASSIGN_OR_RETURN(UniqueFd fd, ConnectUnix(address.path));
  SHOJI_RETURN_IF_ERROR(Handshake(fd.get(), address.port, limits));
  return fd;
}

Status VsockFailure(int error) {
  switch (error) {
    case ECONNRESET:  // the guest is there
    case ECONNREFUSED:
    case ETIMEDOUT:  // it does not answer yet
      return NotYet("nothing listens in the guest");
    case ENODEV:
    case EHOSTUNREACH:
      return Unavailable("there is no VM with this cid");
    default:
      return ErrnoStatus(error, "cannot connect");
  }
}

Result<UniqueFd> DialVsock(const AgentAddress& address, const DialLimits& limits) {
  UniqueFd fd(socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd && errno == EAFNOSUPPORT) {
    return FailedPrecondition("this machine has no vsock; load the kernel module vhost_vsock");
  }
  if (!fd) return ErrnoStatus(errno, "cannot create a vsock socket");
  sockaddr_vm to{};
  to.svm_family = AF_VSOCK;
  to.svm_cid = address.cid;
  to.svm_port = address.port;
  int error = 0;
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) < 0) error = errno;
  if (error == EINPROGRESS || error == EINTR) {
    SHOJI_RETURN_IF_ERROR(Await(fd.get(), POLLOUT, limits));
    socklen_t size = sizeof error;
    if (getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) < 0) error = errno;
  }
  if (error != 0) return VsockFailure(error);
  SHOJI_RETURN_IF_ERROR(SetNonBlocking(fd.get(), false));
  return fd;
}

Result<UniqueFd> Dial(const AgentAddress& address, const DialLimits& limits) {
  switch (address.kind) {
    case AgentAddress::Kind::kVsock:
      return DialVsock(address, limits);
    case AgentAddress::Kind::kHybridVsock:
      return DialHybrid(address, limits);
    case AgentAddress::Kind::kUnix:
      break;
  }
  return ConnectUnix(address.path);
}

// Nobody behind a path: for who dials it is all the same whether the socket is there.
Status Gone(Status status) {
  if (status.code() != StatusCode::kNotFound) return status;
  return Unavailable(std::string(status.message()));
}

}  // namespace

Result<UniqueFd> DialAgentOnce(const AgentAddress& address, const DialLimits& limits) {
  Result<UniqueFd> fd = Dial(address, limits);
  if (fd.ok()) return fd;
  return Gone(std::move(fd).status()).WithContext("guest agent " + address.Url());
}

Result<UniqueFd> DialAgent(const AgentAddress& address, const DialLimits& limits) {
  while (true) {
    Result<UniqueFd> fd = DialAgentOnce(address, limits);
    if (fd.ok() || fd.status().detail("retry").empty()) return fd;
    const DialLimits pause{limits.deadline.Min(Deadline::After(kBetweenTries)), limits.cancel_fd};
    const Status waited = Await(-1, 0, pause);
    if (waited.code() == StatusCode::kCancelled) return waited;
    if (limits.deadline.passed()) {
      return DeadlineExceeded(std::string(fd.status().message()) + ", and the time is up");
    }
  }
}

}  // namespace shoji
