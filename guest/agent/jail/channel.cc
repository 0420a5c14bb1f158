#include "jail/channel.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "shoji/base/errno.h"

namespace shoji::jail {
namespace {

// word, code, errno, text
constexpr std::size_t kHeader = 1 + 2 * sizeof(std::int32_t);
constexpr std::size_t kMaxMessage = 8192;

// A datagram of the child's choosing: nothing in it is taken on trust.
Message Decode(const char* data, std::size_t size, UniqueFd fd) {
  Message message;
  message.word = static_cast<Word>(data[0]);
  message.fd = std::move(fd);
  if (message.word != Word::kFailure || size < kHeader) return message;
  std::int32_t code = 0;
  std::int32_t error = 0;
  std::memcpy(&code, data + 1, sizeof code);
  std::memcpy(&error, data + 1 + sizeof code, sizeof error);
  const bool known = code > 0 && code <= static_cast<int>(StatusCode::kUnauthenticated);
  message.failure = Status(known ? static_cast<StatusCode>(code) : StatusCode::kUnknown,
                           std::string(data + kHeader, size - kHeader))
                        .WithErrno(error);
  return message;
}

UniqueFd TakeFd(msghdr* header) {
  cmsghdr* const c = CMSG_FIRSTHDR(header);
  if (c == nullptr || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(int)))
    return UniqueFd();
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(c), sizeof fd);
  return UniqueFd(fd);
}

}  // namespace

Result<std::pair<Channel, Channel>> Channel::Make() {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
    return ErrnoStatus(errno, "cannot make a socket pair for the container's process");
  return std::pair<Channel, Channel>(Channel(fds[0]), Channel(fds[1]));
}

Status Channel::Send(Word word, int fd) const {
  char byte = static_cast<char>(word);
  iovec part{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (fd >= 0) {
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    cmsghdr* const c = CMSG_FIRSTHDR(&header);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(c), &fd, sizeof fd);
  }
  if (sendmsg(fd_.get(), &header, MSG_NOSIGNAL) < 0)
    return ErrnoStatus(errno, "cannot talk to the container's process");
  return OkStatus();
}

// write(2), because a seccomp filter that is on already is more likely to allow it.
void Channel::SendFailure(const Status& status) const {
  const auto code = static_cast<std::int32_t>(status.code());
  const auto error = static_cast<std::int32_t>(status.sys_errno());
  std::string data(1, static_cast<char>(Word::kFailure));
  data.append(reinterpret_cast<const char*>(&code), sizeof code);
  data.append(reinterpret_cast<const char*>(&error), sizeof error);
  data.append(status.message(), 0, kMaxMessage - kHeader);
  const ssize_t sent = write(fd_.get(), data.data(), data.size());
  (void)sent;
}

Result<Message> Channel::Receive(int flags) const {
  char data[kMaxMessage];
  iovec part{data, sizeof data};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t size = 0;
  do {
    size = recvmsg(fd_.get(), &header, MSG_CMSG_CLOEXEC | flags);
  } while (size < 0 && errno == EINTR);
  if (size < 0 && errno == EAGAIN) return Message{Word::kNothing, {}, {}};
  if (size < 0 && errno != ECONNRESET)
    return ErrnoStatus(errno, "cannot hear from the container's process");
  if (size <= 0) return Message{};
  return Decode(data, static_cast<std::size_t>(size), TakeFd(&header));
}

Result<Message> Channel::Receive() const { return Receive(0); }

Result<Message> Channel::TryReceive() const { return Receive(MSG_DONTWAIT); }

Result<Message> Channel::Expect(Word word, std::string_view doing) const {
  SHOJI_ASSIGN_OR_RETURN(Message message, Receive());
  SHOJI_RETURN_IF_ERROR(Check(message, word, doing));
  return message;
}

Status Channel::Check(const Message& message, Word word, std::string_view doing) {
  if (message.word == word) return OkStatus();
  if (!message.failure.ok()) return message.failure;
  return Internal("the container's process ended while " + std::string(doing));
}

}  // namespace shoji::jail
