#include "monitor.h"

#include <nlohmann/json.hpp>

#include "shoji/base/socket.h"

namespace shoji::qemu {

namespace {
constexpr std::chrono::minutes kDefaultLimit{1};
}  // namespace

Result<Monitor> Monitor::Connect(const std::string& path, const QmpLimit& limit) {
  SHOJI_ASSIGN_OR_RETURN(UniqueFd socket, ConnectUnix(path));
  Monitor monitor(nullptr);
  SHOJI_ASSIGN_OR_RETURN(monitor.own_, QmpClient::Open(std::move(socket), limit));
  monitor.client_ = monitor.own_.get();
  return monitor;
}

QmpLimit LimitOf(const sdk::HypervisorCall& call) {
  const Deadline deadline = call.deadline_ns == 0 ? Deadline::After(kDefaultLimit)
                                                  : Deadline::FromNanos(call.deadline_ns);
  return {deadline, call.cancel_fd};
}

Result<std::string> RunState(QmpClient& monitor, const QmpLimit& limit) {
  SHOJI_ASSIGN_OR_RETURN(const std::string text, monitor.Execute("query-status", "", limit));
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("status") || !json["status"].is_string()) {
    return DataLoss("QEMU does not tell its state");
  }
  return json["status"].get<std::string>();
}

}  // namespace shoji::qemu
