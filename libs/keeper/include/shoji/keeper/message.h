// How a hypervisor plugin and the keeper of an agent without a VM talk to each other.
//
// Purpose  Messages of text fields, with descriptors beside them, over a unix socket of type
//          SOCK_SEQPACKET. A reply is {"ok", ...} or {"error", code, errno, text}.
// Threads  Safe; one thread at a time per socket.
// Bounds   kMaxFields fields, kMaxBytes bytes, kMaxFds descriptors; more is INVALID_ARGUMENT.
// Example
//     SHOJI_RETURN_IF_ERROR(keeper::Send(fd, {"detach", "disk0"}));
//     SHOJI_ASSIGN_OR_RETURN(keeper::Message reply, keeper::ReceiveReply(fd, deadline, -1));
#ifndef SHOJI_KEEPER_MESSAGE_H_
#define SHOJI_KEEPER_MESSAGE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "shoji/base/deadline.h"
#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::keeper {

constexpr std::size_t kMaxFields = 16;
constexpr std::size_t kMaxBytes = 32U << 10U;
constexpr std::size_t kMaxFds = 32;

struct Message {
  std::vector<std::string> fields;
  std::vector<UniqueFd> fds;
};

// A listening socket at `path`, mode 0600; replaces a socket file that is there.
Result<UniqueFd> Listen(const std::string& path);
// UNAVAILABLE when nobody listens, NOT_FOUND when there is no socket.
Result<UniqueFd> Connect(const std::string& path);

// Fields have no zero byte. `fds` are borrowed.
Status Send(int socket, const std::vector<std::string>& fields, const std::vector<int>& fds = {});
Status SendReply(int socket, const Result<Message>& reply);

// The next message. UNAVAILABLE at the end of the stream; does not wait on a socket that is
// not blocking (then also UNAVAILABLE).
Result<Message> Receive(int socket);
// The next message, which is a reply: its fields behind "ok", or the failure it tells.
// `cancel_fd` readable: CANCELLED; -1: none.
Result<Message> ReceiveReply(int socket, Deadline deadline, int cancel_fd);

}  // namespace shoji::keeper

#endif  // SHOJI_KEEPER_MESSAGE_H_
