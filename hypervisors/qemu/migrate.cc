// How QEMU is told to write its state to a file, and to read it.
#include <nlohmann/json.hpp>

#include "snapshot.h"

namespace shoji::qemu {
namespace {

using Json = nlohmann::json;

constexpr char kFdName[] = "shoji-state";
constexpr char kUri[] = R"({"uri":"fd:shoji-state"})";
// Bytes a second: the disk is the limit, not QEMU's idea of a network.
constexpr char kParameters[] = R"({"max-bandwidth":17179869184})";
constexpr std::chrono::seconds kCancelLimit{10};

Status Configure(QmpClient& monitor, bool shared_memory, const QmpLimit& limit) {
  const Json capabilities = {{"capabilities",
                              {{{"capability", "events"}, {"state", true}},
                               {{"capability", "x-ignore-shared"}, {"state", shared_memory}}}}};
  SHOJI_RETURN_IF_ERROR(
      monitor.Execute("migrate-set-capabilities", capabilities.dump(), limit).status());
  return monitor.Execute("migrate-set-parameters", kParameters, limit).status();
}

// The next state that a migration comes to.
Result<std::string> NextStage(QmpClient& monitor, const QmpLimit& limit) {
  SHOJI_ASSIGN_OR_RETURN(const QmpEvent event, monitor.WaitEvent("MIGRATION", limit));
  const Json data = Json::parse(event.data, nullptr, false);
  if (!data.is_object() || !data.contains("status") || !data["status"].is_string()) {
    return DataLoss("QEMU tells no state of the migration");
  }
  return data["status"].get<std::string>();
}

// From its beginning, so that the events of an earlier one do not count.
Result<std::string> LastStage(QmpClient& monitor, const QmpLimit& limit) {
  bool begun = false;
  for (;;) {
    SHOJI_ASSIGN_OR_RETURN(std::string stage, NextStage(monitor, limit));
    begun |= stage == "setup";
    if (begun && (stage == "completed" || stage == "failed" || stage == "cancelled")) {
      return stage;
    }
  }
}

Result<Json> AskMigration(QmpClient& monitor, const QmpLimit& limit) {
  SHOJI_ASSIGN_OR_RETURN(const std::string text, monitor.Execute("query-migrate", "", limit));
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return DataLoss("QEMU does not tell about its migration");
  return json;
}

// A mounted 9p share, for one; QEMU names it.
Status CheckBlockers(QmpClient& monitor, const QmpLimit& limit) {
  SHOJI_ASSIGN_OR_RETURN(const Json json, AskMigration(monitor, limit));
  const auto reasons = json.find("blocked-reasons");
  if (reasons == json.end() || !reasons->is_array() || reasons->empty()) return OkStatus();
  const Json& first = (*reasons)[0];
  return FailedPrecondition("the VM cannot be saved: " +
                            (first.is_string() ? first.get<std::string>() : first.dump()));
}

Status Failure(QmpClient& monitor, const QmpLimit& limit) {
  const auto json = AskMigration(monitor, limit);
  const std::string why =
      json.ok() ? json->value("error-desc", "QEMU gives no reason") : json.status().message();
  return Status(StatusCode::kUnknown, "QEMU could not write the state of the VM: " + why);
}

void Cancel(QmpClient& monitor) {
  const QmpLimit limit{Deadline::After(kCancelLimit)};
  if (!monitor.Execute("migrate_cancel", "", limit).ok()) return;
  for (;;) {
    const auto stage = NextStage(monitor, limit);
    if (!stage.ok() || *stage == "cancelled" || *stage == "failed" || *stage == "completed") {
      return;
    }
  }
}

}  // namespace

Status WriteState(QmpClient& monitor, int fd, bool shared_memory, const QmpLimit& limit) {
  SHOJI_RETURN_IF_ERROR(CheckBlockers(monitor, limit));
  SHOJI_RETURN_IF_ERROR(Configure(monitor, shared_memory, limit));
  SHOJI_RETURN_IF_ERROR(monitor.SendFd(kFdName, fd, limit));
  const Status begun = monitor.Execute("migrate", kUri, limit).status();
  if (begun.code() == StatusCode::kUnknown) {
    return FailedPrecondition("the VM cannot be saved: " + begun.message());
  }
  SHOJI_RETURN_IF_ERROR(begun);
  const auto stage = LastStage(monitor, limit);
  if (!stage.ok()) {
    Cancel(monitor);
    return stage.status();
  }
  return *stage == "completed" ? OkStatus() : Failure(monitor, limit);
}

Status TakeState(QmpClient& monitor, int fd, bool shared_memory, const QmpLimit& limit) {
  SHOJI_RETURN_IF_ERROR(Configure(monitor, shared_memory, limit));
  SHOJI_RETURN_IF_ERROR(monitor.SendFd(kFdName, fd, limit));
  SHOJI_RETURN_IF_ERROR(monitor.Execute("migrate-incoming", kUri, limit).status());
  SHOJI_ASSIGN_OR_RETURN(const std::string stage, LastStage(monitor, limit));
  if (stage == "completed") return OkStatus();
  return DataLoss("QEMU could not take the state: migration " + stage);
}

}  // namespace shoji::qemu
