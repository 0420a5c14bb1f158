#include "line_channel.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "shoji/base/errno.h"
#include "shoji/base/strings.h"

namespace shoji::internal {
namespace {

// sendmsg() with one optional descriptor.
ssize_t Send(int socket, std::string_view text, int passed_fd) {
  iovec data{const_cast<char*>(text.data()), text.size()};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  if (passed_fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &passed_fd, sizeof(int));
  }
  return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

bool Again(int error) { return error == EAGAIN || error == EINTR; }

}  // namespace

Status LineChannel::Wait(short events, const QmpLimit& limit) const {
  for (;;) {
    pollfd entries[2] = {{socket_.get(), events, 0}, {limit.cancel_fd, POLLIN, 0}};
    const int rc = poll(entries, 2, limit.deadline.PollTimeout());
    if (rc < 0 && errno != EINTR) return ErrnoStatus(errno, "poll on the monitor failed");
    if (rc > 0 && entries[1].revents != 0) return Cancelled("cancelled by the caller");
    if (rc > 0) return OkStatus();
    if (limit.deadline.passed()) return DeadlineExceeded("the monitor did not answer in time");
  }
}

Status LineChannel::Fill(const QmpLimit& limit) {
  char chunk[16384];
  const ssize_t n = recv(socket_.get(), chunk, sizeof(chunk), MSG_DONTWAIT);
  if (n > 0) {
    buffer_.append(chunk, static_cast<std::size_t>(n));
    return OkStatus();
  }
  if (n == 0) return Unavailable("the monitor's connection was closed");
  if (Again(errno)) return Wait(POLLIN, limit);
  return ErrnoStatus(errno, "cannot read from the monitor");
}

std::string LineChannel::TakeLine() {
  const std::size_t end = buffer_.find('\n', searched_);
  if (end == std::string::npos) {
    searched_ = buffer_.size();
    return {};
  }
  std::string line(Trim(std::string_view(buffer_).substr(0, end)));
  buffer_.erase(0, end + 1);
  searched_ = 0;
  return line;
}

Result<std::string> LineChannel::ReadLine(const QmpLimit& limit) {
  for (;;) {
    // A blank line and "no line yet" look alike; the search position tells them apart.
    if (std::string line = TakeLine(); !line.empty()) return line;
    if (searched_ < buffer_.size()) continue;
    if (buffer_.size() > kMaxLine) {
      return DataLoss("the monitor sent a message of more than " + std::to_string(kMaxLine) +
                      " bytes");
    }
    // A chatty other side must not outlast the limit.
    if (limit.deadline.passed()) return DeadlineExceeded("the monitor did not answer in time");
    SHOJI_RETURN_IF_ERROR(Fill(limit));
  }
}

Status LineChannel::Write(std::string_view text, int passed_fd, const QmpLimit& limit) {
  if (cut_) return Unavailable("the monitor stopped reading in the middle of a command");
  std::size_t sent = 0;
  while (sent < text.size()) {
    const ssize_t n = Send(socket_.get(), text.substr(sent), sent == 0 ? passed_fd : -1);
    if (n >= 0) {
      sent += static_cast<std::size_t>(n);
      continue;
    }
    Status status =
        Again(errno) ? Wait(POLLOUT, limit) : ErrnoStatus(errno, "cannot write to the monitor");
    if (!status.ok()) {
      cut_ = sent > 0;
      return status;
    }
  }
  return OkStatus();
}

}  // namespace shoji::internal
