// A connection to QEMU's monitor for the length of a few commands.
//
// Purpose  The owner keeps one monitor for itself; everybody else, and every call that runs
//          beside others, takes the other one and gives it back at once.
// Threads  One thread at a time.
// Example  SHOJI_ASSIGN_OR_RETURN(Monitor monitor, Monitor::Connect(path, limit));
//          SHOJI_RETURN_IF_ERROR(monitor->Execute("stop", "", limit).status());
#ifndef SHOJI_HYPERVISORS_QEMU_MONITOR_H_
#define SHOJI_HYPERVISORS_QEMU_MONITOR_H_

#include <memory>
#include <string>

#include "shoji/qmp/client.h"
#include "shoji/sdk/hypervisor.h"

namespace shoji::qemu {

class Monitor {
 public:
  // Waits while another has it.
  static Result<Monitor> Connect(const std::string& path, const QmpLimit& limit);
  // Borrows one; null makes no monitor.
  explicit Monitor(QmpClient* borrowed) : client_(borrowed) {}

  QmpClient* operator->() const { return client_; }
  QmpClient& operator*() const { return *client_; }

 private:
  std::unique_ptr<QmpClient> own_;
  QmpClient* client_;
};

// The caller's limits, or a minute when it gives no deadline.
QmpLimit LimitOf(const sdk::HypervisorCall& call);

// What query-status says: "running", "paused", "postmigrate", ...
Result<std::string> RunState(QmpClient& monitor, const QmpLimit& limit);

// The VM's processors run, or will at once.
inline bool IsRunning(const std::string& state) { return state == "running"; }

}  // namespace shoji::qemu

#endif  // SHOJI_HYPERVISORS_QEMU_MONITOR_H_
