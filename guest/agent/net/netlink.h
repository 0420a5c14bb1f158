// Requests to the kernel's network configuration (rtnetlink).
//
// Purpose  Builds and sends one message, and reads its acknowledgement or its list. The kernel
//          works on a request within the send, so nothing here waits for the network.
// Threads  One at a time.
// Example
//     SHOJI_ASSIGN_OR_RETURN(NetlinkSocket socket, NetlinkSocket::Open());
//     NetlinkRequest request(RTM_GETLINK, NLM_F_DUMP, ifinfomsg{});
//     SHOJI_ASSIGN_OR_RETURN(auto links, socket.List(request));
#ifndef SHOJI_GUEST_AGENT_NET_NETLINK_H_
#define SHOJI_GUEST_AGENT_NET_NETLINK_H_

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::agent {

class NetlinkRequest {
 public:
  // `header` is the fixed part that belongs to the type: ifinfomsg, rtmsg, ...
  template <typename Header>
  NetlinkRequest(int type, int flags, const Header& header) : NetlinkRequest(type, flags) {
    Append(&header, sizeof header);
  }

  NetlinkRequest& Add(int attribute, std::string_view bytes);
  NetlinkRequest& AddNumber(int attribute, std::uint32_t value);
  NetlinkRequest& AddName(int attribute, const std::string& name);  // with its final zero
  // Attributes up to EndNest() lie inside this one.
  NetlinkRequest& BeginNest(int attribute);
  NetlinkRequest& EndNest();
  void Append(const void* data, std::size_t length);

  // With the length filled in.
  std::string Bytes(std::uint32_t sequence) const;

 private:
  NetlinkRequest(int type, int flags);

  nlmsghdr header_{};
  std::string body_;
  std::vector<std::size_t> nests_;
};

// Attributes by number; of one that is there twice, the last.
using NetlinkAttributes = std::map<int, std::string_view>;

// One message of the kernel: the fixed part, then attributes.
struct NetlinkMessage {
  int type = 0;
  std::string body;

  // Zeros where the message is shorter.
  template <typename Header>
  Header As() const {
    Header header{};
    std::memcpy(&header, body.data(), std::min(sizeof header, body.size()));
    return header;
  }
  // Those behind a fixed part of that size; they point into this message.
  NetlinkAttributes Attributes(std::size_t fixed) const;
};

class NetlinkSocket {
 public:
  // `groups`: RTMGRP_... bits of what the kernel shall announce to this socket.
  static Result<NetlinkSocket> Open(std::uint32_t groups = 0);

  int fd() const { return fd_.get(); }
  // The error has the kernel's errno, and its own words when it gave any.
  Status Do(const NetlinkRequest& request);
  // For a request with NLM_F_DUMP. Taken again when the list changed meanwhile.
  Result<std::vector<NetlinkMessage>> List(const NetlinkRequest& request);

 private:
  explicit NetlinkSocket(UniqueFd fd) : fd_(std::move(fd)) {}
  Status Send(const NetlinkRequest& request);
  // Until the answer's end; `interrupted` when what came is not of one moment.
  Status Receive(std::vector<NetlinkMessage>* list, bool* interrupted);

  UniqueFd fd_;
  std::uint32_t sequence_ = 0;
};

// Values of attributes; zero or empty when they are too short.
std::uint32_t NumberOf(const NetlinkAttributes& attributes, int attribute);
std::string NameOf(const NetlinkAttributes& attributes, int attribute);
std::string_view BytesOf(const NetlinkAttributes& attributes, int attribute);

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_NET_NETLINK_H_
