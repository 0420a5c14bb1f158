// Whether the guest's agent has opened its channel, as QEMU sees it.
//
// Threads  One thread at a time, as the monitor.
// Example  SHOJI_RETURN_IF_ERROR(AwaitPortOpen(*monitor, kAgentPort, limit));
#ifndef SHOJI_HYPERVISORS_QEMU_AGENT_PORT_H_
#define SHOJI_HYPERVISORS_QEMU_AGENT_PORT_H_

#include <string>

#include "shoji/qmp/client.h"

namespace shoji::qemu {

// A virtual serial port: its character device and the device itself.
struct SerialPort {
  const char* chardev;
  const char* device;
};
inline constexpr SerialPort kAgentPort = {"charch0", "channel0"};

// Returns when the guest has the port open; nothing is sent on it. UNAVAILABLE when QEMU ends.
Status AwaitPortOpen(QmpClient& monitor, const SerialPort& port, const QmpLimit& limit);

}  // namespace shoji::qemu

#endif  // SHOJI_HYPERVISORS_QEMU_AGENT_PORT_H_
