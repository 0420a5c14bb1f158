#include "shoji/ccproto/client.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "shoji/base/errno.h"
#include "shoji/ccproto/messages.h"

namespace shoji::ccproto {
namespace {

constexpr const char* kNames[] = {"RegisterVM",  "UnregisterVM",   "AttachVM", "Hyper",
                                  "ConnectShim", "DisconnectShim", "Signal"};

Status Await(int fd, short events, const Limit& limit) {
  while (true) {
    pollfd fds[] = {{limit.cancel_fd, POLLIN, 0}, {fd, events, 0}};
    const int ready = poll(fds, 2, limit.deadline.PollTimeout());
    if (ready < 0 && errno != EINTR) return ErrnoStatus(errno, "cannot wait for cc-proxy");
    if (ready > 0 && fds[0].revents != 0) return Cancelled("cancelled while waiting for cc-proxy");
    if (ready > 0) return OkStatus();
    if (limit.deadline.passed()) return DeadlineExceeded("cc-proxy does not answer in time");
  }
}

Status Closed() { return Unavailable("cc-proxy has closed the connection"); }

bool TryAgain() { return errno == EAGAIN || errno == EINTR; }

}  // namespace

Status Client::Send(const Frame& frame, const Limit& limit) {
  SHOJI_ASSIGN_OR_RETURN(const std::string bytes, Encode(frame));
  for (std::size_t done = 0; done < bytes.size();) {
    SHOJI_RETURN_IF_ERROR(Await(socket_.get(), POLLOUT, limit));
    const ssize_t n =
        send(socket_.get(), bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      done += static_cast<std::size_t>(n);
    } else if (errno == EPIPE || errno == ECONNRESET) {
      return Closed();
    } else if (!TryAgain()) {
      return ErrnoStatus(errno, "cannot send to cc-proxy");
    }
  }
  return OkStatus();
}

Result<Frame> Client::Receive(const Limit& limit) {
  while (true) {
    SHOJI_ASSIGN_OR_RETURN(std::optional<Frame> frame, reader_.Next());
    if (frame.has_value()) return std::move(*frame);
    SHOJI_RETURN_IF_ERROR(Await(socket_.get(), POLLIN, limit));
    char buffer[16384];
    const ssize_t n = recv(socket_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (n > 0) {
      reader_.Add({buffer, static_cast<std::size_t>(n)});
    } else if (n == 0 || errno == ECONNRESET) {
      return Closed();
    } else if (!TryAgain()) {
      return ErrnoStatus(errno, "cannot read from cc-proxy");
    }
  }
}

Result<std::string> Client::Call(std::uint8_t command, const std::string& payload,
                                 const Limit& limit) {
  SHOJI_RETURN_IF_ERROR(Send({FrameType::kCommand, command, false, payload}, limit));
  return AwaitResponse(command, limit);
}

Result<std::string> Client::AwaitResponse(std::uint8_t command, const Limit& limit) {
  while (true) {
    SHOJI_ASSIGN_OR_RETURN(Frame frame, Receive(limit));
    if (frame.type != FrameType::kResponse) continue;
    if (frame.opcode != command) {
      return InvalidArgument("cc-proxy answers opcode " + std::to_string(frame.opcode) +
                             ", asked was " + std::to_string(command));
    }
    if (!frame.error) return std::move(frame.payload);
    return FailedPrecondition("cc-proxy refuses " + std::string(kNames[command]) + ": " +
                              ErrorText(frame.payload));
  }
}

}  // namespace shoji::ccproto
