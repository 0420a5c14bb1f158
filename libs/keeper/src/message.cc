#include "shoji/keeper/message.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji::keeper {
namespace {

constexpr int kBacklog = 16;
constexpr char kOk[] = "ok";
constexpr char kError[] = "error";

// Sockets of long paths are reached through their directory.
struct Address {
  UniqueFd dir;
  sockaddr_un name{};
};

Result<Address> AddressOf(const std::string& path) {
  Address address;
  const std::size_t slash = path.rfind('/');
  if (path.empty() || path[0] != '/') return InvalidArgument("\"" + path + "\" is no path");
  const std::string dir = path.substr(0, slash + 1);
  address.dir.reset(open(dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!address.dir) return ErrnoStatus(errno, "cannot open " + dir);
  const std::string name =
      "/proc/self/fd/" + std::to_string(address.dir.get()) + "/" + path.substr(slash + 1);
  if (name.size() >= sizeof address.name.sun_path) {
    return InvalidArgument("the name of socket " + path + " is too long");
  }
  address.name.sun_family = AF_UNIX;
  std::memcpy(address.name.sun_path, name.c_str(), name.size() + 1);
  return address;
}

Result<UniqueFd> MakeSocket() {
  UniqueFd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!fd) return ErrnoStatus(errno, "cannot create a socket");
  return fd;
}

const sockaddr* Raw(const Address& address) {
  return reinterpret_cast<const sockaddr*>(&address.name);
}

Result<std::string> Encode(const std::vector<std::string>& fields) {
  if (fields.empty() || fields.size() > kMaxFields) {
    return InvalidArgument("a message has " + std::to_string(fields.size()) + " fields");
  }
  std::string bytes;
  for (const std::string& field : fields) {
    if (field.find('\0') != std::string::npos) {
      return InvalidArgument("a field of a message has a zero byte");
    }
    bytes += field;
    bytes += '\0';
  }
  if (bytes.size() > kMaxBytes) {
    return InvalidArgument("a message has " + std::to_string(bytes.size()) + " bytes");
  }
  return bytes;
}

Result<std::vector<std::string>> Decode(std::string_view bytes) {
  if (bytes.empty() || bytes.back() != '\0') return InvalidArgument("a message is cut off");
  std::vector<std::string> fields;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t end = bytes.find('\0', at);
    fields.emplace_back(bytes.substr(at, end - at));
    at = end + 1;
  }
  if (fields.size() > kMaxFields) return InvalidArgument("a message has too many fields");
  return fields;
}

union Control {
  cmsghdr align;
  char bytes[CMSG_SPACE(sizeof(int) * kMaxFds)];
};

void TakeFds(msghdr& header, std::vector<UniqueFd>* fds) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    std::vector<int> raw(count);
    std::memcpy(raw.data(), CMSG_DATA(part), count * sizeof(int));
    for (const int fd : raw) fds->emplace_back(fd);
  }
}

Status WaitForReply(int socket, Deadline deadline, int cancel_fd) {
  for (;;) {
    pollfd entries[2] = {{socket, POLLIN, 0}, {cancel_fd, POLLIN, 0}};
    const int count = poll(entries, 2, deadline.PollTimeout());
    if (count < 0 && errno != EINTR) return ErrnoStatus(errno, "cannot wait for the keeper");
    if (count > 0 && entries[0].revents != 0) return OkStatus();
    if (count > 0) return Cancelled("cancelled while waiting for the keeper's answer");
    if (deadline.passed()) return DeadlineExceeded("the keeper does not answer");
  }
}

// The failure that a reply tells.
Status FailureOf(const std::vector<std::string>& fields) {
  const Status bad = Internal("the keeper's answer makes no sense");
  if (fields.size() != 4 || fields[0] != kError) return bad;
  const auto code = ParseInt(fields[1]);
  const auto error = ParseInt(fields[2]);
  if (!code.ok() || !error.ok() || *code < 1 || *code > 16) return bad;
  return Status(static_cast<StatusCode>(*code), fields[3]).WithErrno(static_cast<int>(*error));
}

}  // namespace

Result<UniqueFd> Listen(const std::string& path) {
  SHOJI_ASSIGN_OR_RETURN(const Address address, AddressOf(path));
  SHOJI_RETURN_IF_ERROR(RemoveFile(path));
  SHOJI_ASSIGN_OR_RETURN(UniqueFd fd, MakeSocket());
  fchmod(fd.get(), 0600);  // the file gets this mode from its first moment
  if (bind(fd.get(), Raw(address), sizeof address.name) < 0 || listen(fd.get(), kBacklog) < 0) {
    return ErrnoStatus(errno, "cannot listen on " + path);
  }
  return fd;
}

Result<UniqueFd> Connect(const std::string& path) {
  SHOJI_ASSIGN_OR_RETURN(const Address address, AddressOf(path));
  SHOJI_ASSIGN_OR_RETURN(UniqueFd fd, MakeSocket());
  if (connect(fd.get(), Raw(address), sizeof address.name) == 0) return fd;
  if (errno == ECONNREFUSED) return Unavailable("nobody listens on " + path);
  return ErrnoStatus(errno, "cannot connect to " + path);
}

Status Send(int socket, const std::vector<std::string>& fields, const std::vector<int>& fds) {
  SHOJI_ASSIGN_OR_RETURN(std::string bytes, Encode(fields));
  if (fds.size() > kMaxFds) return InvalidArgument("a message has too many descriptors");
  iovec part{bytes.data(), bytes.size()};
  Control control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!fds.empty()) {
    header.msg_control = control.bytes;
    header.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
    std::memcpy(CMSG_DATA(rights), fds.data(), sizeof(int) * fds.size());
  }
  while (sendmsg(socket, &header, MSG_NOSIGNAL) < 0) {
    if (errno == EINTR) continue;
    if (errno == EPIPE || errno == ECONNRESET) return Unavailable("the other side has hung up");
    return ErrnoStatus(errno, "cannot send a message");
  }
  return OkStatus();
}

Status SendReply(int socket, const Result<Message>& reply) {
  if (!reply.ok()) {
    const Status& s = reply.status();
    std::string text = s.message().substr(0, 8192);
    for (char& c : text) {
      if (c == '\0') c = ' ';
    }
    return Send(socket, {kError, std::to_string(static_cast<int>(s.code())),
                         std::to_string(s.sys_errno()), text});
  }
  std::vector<std::string> fields = {kOk};
  fields.insert(fields.end(), reply->fields.begin(), reply->fields.end());
  std::vector<int> fds;
  for (const UniqueFd& fd : reply->fds) fds.push_back(fd.get());
  return Send(socket, fields, fds);
}

Result<Message> Receive(int socket) {
  std::vector<char> bytes(kMaxBytes);
  iovec part{bytes.data(), bytes.size()};
  Control control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.bytes;
  header.msg_controllen = sizeof control.bytes;
  ssize_t size = 0;
  do {
    size = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  if (size < 0 && errno != EAGAIN && errno != ECONNRESET) {
    return ErrnoStatus(errno, "cannot receive a message");
  }
  if (size <= 0) return Unavailable("the other side has hung up");
  Message message;
  TakeFds(header, &message.fds);
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    return InvalidArgument("a message is too long");
  }
  SHOJI_ASSIGN_OR_RETURN(message.fields, Decode({bytes.data(), static_cast<std::size_t>(size)}));
  return message;
}

Result<Message> ReceiveReply(int socket, Deadline deadline, int cancel_fd) {
  SHOJI_RETURN_IF_ERROR(WaitForReply(socket, deadline, cancel_fd));
  SHOJI_ASSIGN_OR_RETURN(Message message, Receive(socket));
  if (message.fields[0] != kOk) return FailureOf(message.fields);
  message.fields.erase(message.fields.begin());
  return message;
}

}  // namespace shoji::keeper
