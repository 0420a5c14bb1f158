#include "agent_port.h"

#include <nlohmann/json.hpp>

#include "monitor.h"
#include "vm.h"

namespace shoji::qemu {
namespace {

using Json = nlohmann::json;

Result<bool> IsOpen(QmpClient& monitor, const SerialPort& port, const QmpLimit& limit) {
  SHOJI_ASSIGN_OR_RETURN(const std::string text, monitor.Execute("query-chardev", "", limit));
  const Json chardevs = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!chardevs.is_array()) return DataLoss("QEMU lists no chardevs");
  for (const Json& one : chardevs) {
    if (!one.is_object() || one.value("label", "") != port.chardev) continue;
    return one.value("frontend-open", false);
  }
  return FailedPrecondition(std::string("the VM has no channel \"") + port.chardev + "\"");
}

bool SaysOpen(const QmpEvent& event, const SerialPort& port) {
  if (event.name != "VSERPORT_CHANGE") return false;
  const Json data = Json::parse(event.data, nullptr, /*allow_exceptions=*/false);
  return data.is_object() && data.value("id", "") == port.device && data.value("open", false);
}

}  // namespace

// The event alone is not enough: it may have come before this monitor was connected, and QEMU
// holds back all but one in a second.
Status AwaitPortOpen(QmpClient& monitor, const SerialPort& port, const QmpLimit& limit) {
  const auto opens = [&port](const QmpEvent& event) { return SaysOpen(event, port); };
  monitor.ForgetEvents(opens);
  for (;;) {
    SHOJI_ASSIGN_OR_RETURN(const bool open, IsOpen(monitor, port, limit));
    if (open) return OkStatus();
    SHOJI_RETURN_IF_ERROR(monitor.WaitEventIf(opens, limit).status());
  }
}

Status QemuVm::AwaitAgentPort(const sdk::HypervisorCall& call) {
  const QmpLimit limit = LimitOf(call);
  SHOJI_ASSIGN_OR_RETURN(const Monitor monitor, BorrowMonitor(limit));
  return AwaitPortOpen(*monitor, kAgentPort, limit);
}

}  // namespace shoji::qemu
