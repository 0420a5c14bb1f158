// shoji.hypervisor.pause/1.
#include <nlohmann/json.hpp>

#include "monitor.h"
#include "vm.h"

namespace shoji::qemu {
namespace {

// After a snapshot without memory the memory file belongs to the clones.
Result<bool> LeftMemoryToClones(QmpClient& monitor, const QmpLimit& limit) {
  SHOJI_ASSIGN_OR_RETURN(const std::string text,
                         monitor.Execute("query-migrate-capabilities", "", limit));
  const auto capabilities = nlohmann::json::parse(text, nullptr, false);
  if (!capabilities.is_array()) return DataLoss("QEMU lists no capabilities");
  for (const auto& one : capabilities) {
    if (one.value("capability", "") == "x-ignore-shared") return one.value("state", false);
  }
  return false;
}

}  // namespace

Status QemuVm::Pause(const sdk::HypervisorCall& call) {
  const QmpLimit limit = LimitOf(call);
  SHOJI_ASSIGN_OR_RETURN(const Monitor monitor, BorrowMonitor(limit));
  SHOJI_ASSIGN_OR_RETURN(const std::string state, RunState(*monitor, limit));
  if (!IsRunning(state)) return OkStatus();
  return monitor->Execute("stop", "", limit).status();
}

Status QemuVm::Resume(const sdk::HypervisorCall& call) {
  const QmpLimit limit = LimitOf(call);
  SHOJI_ASSIGN_OR_RETURN(const Monitor monitor, BorrowMonitor(limit));
  SHOJI_ASSIGN_OR_RETURN(const std::string state, RunState(*monitor, limit));
  if (IsRunning(state)) return OkStatus();
  if (state != "paused" && state != "postmigrate" && state != "prelaunch") {
    return FailedPrecondition("the VM is in state \"" + state + "\" and cannot be resumed");
  }
  if (state == "postmigrate") {
    SHOJI_ASSIGN_OR_RETURN(const bool left, LeftMemoryToClones(*monitor, limit));
    if (left) {
      return FailedPrecondition(
          "the VM was saved with its memory shared: running on it would change the memory of its "
          "clones; restore a clone instead");
    }
  }
  return monitor->Execute("cont", "", limit).status();
}

}  // namespace shoji::qemu
