#include "proxy.h"

#include <linux/vm_sockets.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "shoji/base/errno.h"
#include "shoji/base/fields.h"
#include "shoji/base/file.h"
#include "shoji/base/socket.h"
#include "shoji/sdk/wait.h"

namespace shoji::noproxy {

namespace {

constexpr std::string_view kTitle = "noproxy 1";
constexpr int kAgainMs = 10;  // between two tries of a guest that boots
constexpr std::size_t kLongestAnswer = 64;

// A connection, or nothing when the guest does not listen yet.
using Attempt = Result<std::optional<UniqueFd>>;

bool NotYet(int error) {
  return error == ECONNRESET || error == ECONNREFUSED || error == ETIMEDOUT || error == EPIPE;
}

Attempt Failed(int error, const std::string& url) {
  if (NotYet(error)) return std::optional<UniqueFd>();
  if (error == ENODEV || error == EHOSTUNREACH || error == ENETUNREACH) {
    return Unavailable("no VM answers at " + url + ": " + ErrnoText(error)).WithErrno(error);
  }
  return ErrnoStatus(error, "cannot connect to " + url);
}

Result<UniqueFd> VsockSocket() {
  UniqueFd fd(socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd) return fd;
  return FailedPrecondition("this machine has no vsock (" + ErrnoText(errno) +
                            "); load vhost_vsock, or use a serial agent channel")
      .WithDetail("skip", "no vsock");
}

Attempt TryVsock(const shoji_call* call, const Address& to, const std::string& url) {
  SHOJI_ASSIGN_OR_RETURN(UniqueFd fd, VsockSocket());
  sockaddr_vm address{};
  address.svm_family = AF_VSOCK;
  address.svm_cid = to.cid;
  address.svm_port = to.port;
  int error = 0;
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    if (errno != EINPROGRESS) return Failed(errno, url);
    SHOJI_RETURN_IF_ERROR(sdk::WaitUntilReady(call, fd.get(), POLLOUT, "the agent at " + url));
    socklen_t size = sizeof error;
    if (getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) < 0) error = errno;
  }
  if (error != 0) return Failed(error, url);
  SHOJI_RETURN_IF_ERROR(SetNonBlocking(fd.get(), false));
  return std::optional<UniqueFd>(std::move(fd));
}

// One line, byte by byte: what follows belongs to the agent. Empty when the VMM hung up.
Result<std::string> ReadAnswer(const shoji_call* call, int fd, const std::string& url) {
  std::string line;
  while (line.size() < kLongestAnswer) {
    SHOJI_RETURN_IF_ERROR(sdk::WaitUntilReady(call, fd, POLLIN, "the agent at " + url));
    char byte = 0;
    const ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (n <= 0) return std::string();
    if (byte == '\n') return line;
    line += byte;
  }
  return line;
}

Attempt TryHybrid(const shoji_call* call, const Address& to, const std::string& url) {
  Result<UniqueFd> fd = ConnectUnix(to.path);
  if (!fd.ok() && fd.status().code() == StatusCode::kNotFound) {
    return Unavailable("no VM answers at " + url + ": " + fd.status().message());
  }
  if (!fd.ok()) return fd.status();
  const std::string request = "CONNECT " + std::to_string(to.port) + "\n";
  const ssize_t sent = send(fd->get(), request.data(), request.size(), MSG_NOSIGNAL);
  if (sent < 0) return Failed(errno, url);
  SHOJI_ASSIGN_OR_RETURN(const std::string answer, ReadAnswer(call, fd->get(), url));
  if (answer.rfind("OK ", 0) == 0) return std::optional<UniqueFd>(std::move(*fd));
  if (answer.empty()) return std::optional<UniqueFd>();  // nobody listens on that port yet
  return Unavailable("the VMM at " + url + " answers \"" + answer + "\" instead of OK");
}

}  // namespace

Result<std::unique_ptr<sdk::ProxyBase>> NoProxy::Make(const std::string& url) {
  SHOJI_RETURN_IF_ERROR(CheckFields({{"agent URL", url}}));
  SHOJI_ASSIGN_OR_RETURN(Address address, ParseAddress(url));
  return std::unique_ptr<sdk::ProxyBase>(new NoProxy(url, std::move(address)));
}

Result<std::unique_ptr<sdk::ProxyBase>> NoProxy::Start(const sdk::Host& /*host*/,
                                                       const shoji_options* /*options*/,
                                                       const shoji_call* /*call*/,
                                                       const shoji_proxy_params& params) {
  return Make(sdk::String(params.agent_url));
}

Result<std::unique_ptr<sdk::ProxyBase>> NoProxy::Attach(const sdk::Host& /*host*/,
                                                        const shoji_options* /*options*/,
                                                        const shoji_call* /*call*/,
                                                        std::string_view state) {
  SHOJI_ASSIGN_OR_RETURN(Fields fields, ParseFields(kTitle, state));
  auto proxy = Make(fields["agent"]);
  if (proxy.ok()) return proxy;
  return DataLoss("the saved state of proxy noproxy is torn: " + proxy.status().message());
}

Result<std::string> NoProxy::SaveState() { return FormatFields(kTitle, {{"agent", url_}}); }

Result<int> NoProxy::Connect(const shoji_call* call) {
  while (true) {
    SHOJI_RETURN_IF_ERROR(sdk::CheckCall(call, "the connection to the agent at " + url_));
    Attempt attempt =
        address_.path.empty() ? TryVsock(call, address_, url_) : TryHybrid(call, address_, url_);
    if (!attempt.ok()) return attempt.status();
    if (attempt->has_value()) return (*attempt)->release();
    pollfd cancelled{call == nullptr ? -1 : call->cancel_fd, POLLIN, 0};
    static_cast<void>(poll(&cancelled, 1, kAgainMs));
  }
}

}  // namespace shoji::noproxy
