// Waits for devices by the kernel's own announcements.
//
// Purpose  Whoever waits gives a test; it runs at once and again whenever the kernel says that
//          something about its devices or network devices has changed, until it passes or
//          time is up. Nobody listens while nobody waits.
// Threads  The loop's.
// Example
//     events.Await(std::chrono::seconds(3), {"disk 02/01", [] { Rescan(); },
//                  [] { return PathExists("/dev/vdb"); }, [](const Status& s) { ... }});
#ifndef SHOJI_GUEST_AGENT_DEVICE_EVENTS_H_
#define SHOJI_GUEST_AGENT_DEVICE_EVENTS_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "loop/loop.h"
#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::agent {

// The kernel's announcements of devices; non-blocking.
Result<UniqueFd> OpenDeviceEvents();

class DeviceEvents {
 public:
  using WaitId = std::uint64_t;
  struct Wait {
    std::string what;            // for the message when time is up
    std::function<void()> kick;  // runs once, when nothing can be missed any more; may be empty
    std::function<bool()> check;
    std::function<void(const Status&)> done;  // never from inside Await()
  };

  explicit DeviceEvents(Loop* loop) : loop_(loop) {}
  ~DeviceEvents();
  DeviceEvents(const DeviceEvents&) = delete;
  DeviceEvents& operator=(const DeviceEvents&) = delete;

  // DEADLINE_EXCEEDED to `done` when the check has not passed after `limit`.
  WaitId Await(std::chrono::nanoseconds limit, Wait wait);
  void Cancel(WaitId id);  // idempotent; `done` is not called

 private:
  struct Pending {
    Wait wait;
    Loop::TimerId timer = 0;
  };
  Status Listen();
  Status Listen(UniqueFd fd, UniqueFd* member);
  void Rest();
  void CheckAll();
  void CheckSoon();
  void Finish(WaitId id, const Status& status);

  Loop* loop_;
  UniqueFd kernel_;
  UniqueFd links_;
  WaitId next_ = 1;
  std::map<WaitId, Pending> pending_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_DEVICE_EVENTS_H_
