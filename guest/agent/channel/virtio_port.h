// The channel to the host: a virtio-serial port by name.
//
// Purpose  Finds the port, waits for the host to connect, runs a YamuxChannel until the
//          host goes away, then waits again.
// Threads  The loop's.
// Example  VirtioPort port(&loop, &server, "agent.channel.0", [](const Status& s) { Die(s); });
//          port.Open();
#ifndef SHOJI_GUEST_AGENT_CHANNEL_VIRTIO_PORT_H_
#define SHOJI_GUEST_AGENT_CHANNEL_VIRTIO_PORT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "channel/yamux_channel.h"
#include "loop/loop.h"
#include "rpc/server.h"
#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::agent {

class VirtioPort {
 public:
  // `on_failure` hears when the port cannot be had, or breaks later.
  VirtioPort(Loop* loop, Server* server, std::string name,
             std::function<void(const Status&)> on_failure);
  ~VirtioPort();
  VirtioPort(const VirtioPort&) = delete;
  VirtioPort& operator=(const VirtioPort&) = delete;

  // Opens the port, now or as soon as the kernel has found the device (at most 10 s).
  void Open();
  // Runs when the port is open.
  void OnOpen(std::function<void()> task) { on_open_ = std::move(task); }

 private:
  // The device's path, e.g. /dev/vport1p1; NOT_FOUND while there is none.
  Result<std::string> FindDevice() const;
  Status TryOpen();
  void WaitForDevice();
  void GiveUpWaiting();
  void OnEvents(std::uint32_t events);
  void Connect();
  void Disconnect();
  bool Read();
  void Write();
  std::size_t WriteSome(std::string_view bytes);

  Loop* loop_;
  Server* server_;
  std::string name_;
  std::function<void(const Status&)> on_failure_;
  std::function<void()> on_open_;
  UniqueFd uevents_;
  Loop::TimerId patience_ = 0;
  UniqueFd port_;
  std::unique_ptr<YamuxChannel> channel_;  // while the host is connected
  bool write_planned_ = false;
};

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_CHANNEL_VIRTIO_PORT_H_
