#include "net/netlink.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "shoji/base/errno.h"

namespace shoji::agent {
namespace {

// Larger than any message of the kernel's lists.
constexpr std::size_t kReceiveBytes = 32U << 10U;
constexpr int kTries = 8;

constexpr std::size_t Aligned(std::size_t length) { return (length + 3U) & ~std::size_t{3}; }

// What the kernel says in words about a refused request; empty: nothing.
std::string Words(const NetlinkMessage& error, std::uint16_t flags) {
  if ((flags & NLM_F_ACK_TLVS) == 0) return {};
  std::size_t fixed = sizeof(nlmsgerr);
  if ((flags & NLM_F_CAPPED) == 0) {
    const std::size_t echoed = error.As<nlmsgerr>().msg.nlmsg_len;
    fixed += echoed > sizeof(nlmsghdr) ? echoed - sizeof(nlmsghdr) : 0;
  }
  return NameOf(error.Attributes(fixed), NLMSGERR_ATTR_MSG);
}

Status ErrorOf(const NetlinkMessage& message, std::uint16_t flags) {
  const int error = -message.As<nlmsgerr>().error;
  if (error == 0) return OkStatus();
  const std::string words = Words(message, flags);
  return ErrnoStatus(error, words.empty() ? "the kernel refuses" : "the kernel says: " + words);
}

}  // namespace

NetlinkRequest::NetlinkRequest(int type, int flags) {
  header_.nlmsg_type = static_cast<std::uint16_t>(type);
  header_.nlmsg_flags = static_cast<std::uint16_t>(flags | NLM_F_REQUEST);
  if ((flags & NLM_F_DUMP) != NLM_F_DUMP) header_.nlmsg_flags |= NLM_F_ACK;
}

void NetlinkRequest::Append(const void* data, std::size_t length) {
  body_.append(static_cast<const char*>(data), length);
  body_.resize(Aligned(body_.size()), '\0');
}

NetlinkRequest& NetlinkRequest::Add(int attribute, std::string_view bytes) {
  rtattr head{};
  head.rta_len = static_cast<std::uint16_t>(sizeof head + bytes.size());
  head.rta_type = static_cast<std::uint16_t>(attribute);
  Append(&head, sizeof head);
  Append(bytes.data(), bytes.size());
  return *this;
}

NetlinkRequest& NetlinkRequest::AddNumber(int attribute, std::uint32_t value) {
  return Add(attribute, {reinterpret_cast<const char*>(&value), sizeof value});
}

NetlinkRequest& NetlinkRequest::AddName(int attribute, const std::string& name) {
  return Add(attribute, {name.c_str(), name.size() + 1});
}

NetlinkRequest& NetlinkRequest::BeginNest(int attribute) {
  nests_.push_back(body_.size());
  return Add(attribute, {});
}

NetlinkRequest& NetlinkRequest::EndNest() {
  const auto length = static_cast<std::uint16_t>(body_.size() - nests_.back());
  std::memcpy(body_.data() + nests_.back(), &length, sizeof length);  // rta_len is the first field
  nests_.pop_back();
  return *this;
}

std::string NetlinkRequest::Bytes(std::uint32_t sequence) const {
  nlmsghdr header = header_;
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + body_.size());
  header.nlmsg_seq = sequence;
  return std::string(reinterpret_cast<const char*>(&header), sizeof header) + body_;
}

NetlinkAttributes NetlinkMessage::Attributes(std::size_t fixed) const {
  NetlinkAttributes found;
  std::string_view rest(body);
  rest.remove_prefix(std::min(Aligned(fixed), rest.size()));
  while (rest.size() >= sizeof(rtattr)) {
    rtattr head{};
    std::memcpy(&head, rest.data(), sizeof head);
    if (head.rta_len < sizeof head || head.rta_len > rest.size()) break;
    found[head.rta_type & NLA_TYPE_MASK] =
        rest.substr(sizeof head, std::size_t{head.rta_len} - sizeof head);
    rest.remove_prefix(std::min(Aligned(head.rta_len), rest.size()));
  }
  return found;
}

Result<NetlinkSocket> NetlinkSocket::Open(std::uint32_t groups) {
  UniqueFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = groups;
  if (!fd || bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) {
    return ErrnoStatus(errno, "cannot talk to the kernel's network configuration");
  }
  const int on = 1;  // words with errors; old kernels have none
  setsockopt(fd.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  // The answer is there when the request was sent; should it be lost, nobody hangs.
  const timeval limit{2, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return NetlinkSocket(std::move(fd));
}

Status NetlinkSocket::Send(const NetlinkRequest& request) {
  const std::string bytes = request.Bytes(++sequence_);
  if (send(fd_.get(), bytes.data(), bytes.size(), 0) < 0) {
    return ErrnoStatus(errno, "cannot ask the kernel's network configuration");
  }
  return OkStatus();
}

Status NetlinkSocket::Receive(std::vector<NetlinkMessage>* list, bool* interrupted) {
  std::vector<char> buffer(kReceiveBytes);
  while (true) {
    const ssize_t n = recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "no answer from the kernel's network configuration");
    std::string_view rest(buffer.data(), static_cast<std::size_t>(n));
    while (rest.size() >= sizeof(nlmsghdr)) {
      nlmsghdr header{};
      std::memcpy(&header, rest.data(), sizeof header);
      if (header.nlmsg_len < sizeof header || header.nlmsg_len > rest.size()) break;
      NetlinkMessage message{
          header.nlmsg_type,
          std::string(rest.substr(sizeof header, header.nlmsg_len - sizeof header))};
      rest.remove_prefix(std::min(Aligned(header.nlmsg_len), rest.size()));
      if (header.nlmsg_seq != sequence_) continue;  // the end of a request that failed midway
      if ((header.nlmsg_flags & NLM_F_DUMP_INTR) != 0) *interrupted = true;
      if (message.type == NLMSG_ERROR) return ErrorOf(message, header.nlmsg_flags);
      if (message.type == NLMSG_DONE) return OkStatus();
      list->push_back(std::move(message));
    }
  }
}

Status NetlinkSocket::Do(const NetlinkRequest& request) {
  std::vector<NetlinkMessage> ignored;
  bool interrupted = false;
  SHOJI_RETURN_IF_ERROR(Send(request));
  return Receive(&ignored, &interrupted);
}

Result<std::vector<NetlinkMessage>> NetlinkSocket::List(const NetlinkRequest& request) {
  std::vector<NetlinkMessage> list;
  for (int i = 0; i < kTries; ++i) {
    list.clear();
    bool interrupted = false;
    SHOJI_RETURN_IF_ERROR(Send(request));
    SHOJI_RETURN_IF_ERROR(Receive(&list, &interrupted));
    if (!interrupted) break;  // else: the last try is as good as it gets
  }
  return list;
}

std::string_view BytesOf(const NetlinkAttributes& attributes, int attribute) {
  const auto it = attributes.find(attribute);
  return it == attributes.end() ? std::string_view() : it->second;
}

std::uint32_t NumberOf(const NetlinkAttributes& attributes, int attribute) {
  std::uint32_t value = 0;
  const std::string_view bytes = BytesOf(attributes, attribute);
  if (bytes.size() >= sizeof value) std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

std::string NameOf(const NetlinkAttributes& attributes, int attribute) {
  const std::string_view bytes = BytesOf(attributes, attribute);
  return std::string(bytes.substr(0, bytes.find('\0')));
}

}  // namespace shoji::agent
