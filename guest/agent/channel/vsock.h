// The channel to the host over vsock: plain gRPC on a port, any number of connections.
//
// Threads  Any.
// Example  SHOJI_ASSIGN_OR_RETURN(UniqueFd socket, ListenVsock(kAgentVport));
#ifndef SHOJI_GUEST_AGENT_CHANNEL_VSOCK_H_
#define SHOJI_GUEST_AGENT_CHANNEL_VSOCK_H_

#include <cstdint>
#include <string>

#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::agent {

inline constexpr std::uint32_t kAgentVport = 1024;

// A listening socket for every context id. FAILED_PRECONDITION when the kernel has no vsock.
Result<UniqueFd> ListenVsock(std::uint32_t port);

// Whether the VM has such a device, by the virtio bus below `sys`.
bool HasVsockDevice(const std::string& sys);
bool HasSerialPort(const std::string& sys);

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_CHANNEL_VSOCK_H_
