// Holds a call until the devices it names are there.
//
// Purpose  The rest of the agent then works with nodes below /dev and never waits.
// Threads  The loop's.
// Example
//     gate.Pass(call, {{"blk", "02/01"}}, [=](const std::vector<std::string>& paths) { ... });
#ifndef SHOJI_GUEST_AGENT_DEVICE_GATE_H_
#define SHOJI_GUEST_AGENT_DEVICE_GATE_H_

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "device/events.h"
#include "device/finder.h"
#include "rpc/call.h"
#include "shoji/status.h"

namespace shoji::agent {

class DeviceGate {
 public:
  // `need` is called with the name of the driver before its devices are looked for. Borrows all.
  DeviceGate(DeviceEvents* events, const DeviceFinder* finder, std::chrono::nanoseconds limit,
             std::function<Status(const std::string&)> need)
      : events_(events), finder_(finder), limit_(limit), need_(std::move(need)) {}
  DeviceGate(const DeviceGate&) = delete;
  DeviceGate& operator=(const DeviceGate&) = delete;

  // `go_on` gets the path of each, in order; at once when nothing is named. Otherwise the call
  // is answered here: INVALID_ARGUMENT, DEADLINE_EXCEEDED. Nobody goes on for a client that
  // has gone.
  using GoOn = std::function<void(const std::vector<std::string>& paths)>;
  void Pass(const CallPtr& call, std::vector<DeviceName> names, GoOn go_on);

  // What `need` says about a driver.
  Status Need(const std::string& driver) const { return need_(driver); }

 private:
  Status Prepare(const std::vector<DeviceName>& names);

  DeviceEvents* events_;
  const DeviceFinder* finder_;
  std::chrono::nanoseconds limit_;
  std::function<Status(const std::string&)> need_;
};

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_DEVICE_GATE_H_
