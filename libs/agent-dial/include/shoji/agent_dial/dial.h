// Connections to a guest agent that takes many: the three forms of its address.
//
// Purpose  unix:///path or a bare absolute path; vsock://<cid>:<port>; and hybrid vsock, where
//          the VMM has a unix socket for all ports of the guest: hvsock:///path:<port>.
// Errors   INVALID_ARGUMENT for an address; UNAVAILABLE when nobody is there. DialAgent() tries
//          again as long as the VMM is there but nothing listens in the guest yet, since a guest
//          boots for a while; when the VMM itself is gone it fails at once.
// Threads  Safe.
// Example  SHOJI_ASSIGN_OR_RETURN(const AgentAddress address, ParseAgentUrl(agent_url));
//          return DialAgent(address, {Deadline::After(15s), call->cancel_fd});
#ifndef SHOJI_AGENT_DIAL_DIAL_H_
#define SHOJI_AGENT_DIAL_DIAL_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "shoji/base/deadline.h"
#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji {

struct AgentAddress {
  enum class Kind { kUnix, kVsock, kHybridVsock };
  Kind kind = Kind::kUnix;
  std::string path;        // kUnix, kHybridVsock
  std::uint32_t cid = 0;   // kVsock
  std::uint32_t port = 0;  // kVsock, kHybridVsock

  std::string Url() const;
};

Result<AgentAddress> ParseAgentUrl(std::string_view url);

struct DialLimits {
  Deadline deadline;   // never by default
  int cancel_fd = -1;  // readable = give up; borrowed
};

// A connected stream socket on which the agent's protocol begins. DEADLINE_EXCEEDED and
// CANCELLED as the limits say; a handshake of hybrid vsock has 10 seconds at most.
Result<UniqueFd> DialAgent(const AgentAddress& address, const DialLimits& limits);

// The same, one try. Detail "retry" = "1" of an error: nothing listens yet.
Result<UniqueFd> DialAgentOnce(const AgentAddress& address, const DialLimits& limits);

}  // namespace shoji

#endif  // SHOJI_AGENT_DIAL_DIAL_H_
