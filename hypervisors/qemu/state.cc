#include "state.h"

#include <poll.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "shoji/base/file.h"
#include "shoji/base/strings.h"
#include "shoji/spawn/spawn.h"

namespace shoji::qemu {
namespace {

using Json = nlohmann::json;

constexpr int kVersion = 1;
constexpr std::size_t kMaxBlob = 64U << 10U;
constexpr std::size_t kStartTimeField = 22;  // of /proc/<pid>/stat, from 1

Status Unreadable(const std::string& why) {
  return DataLoss("the saved state of the VM cannot be read: " + why);
}

Result<std::string> TextOf(const Json& json, const char* name) {
  const auto it = json.find(name);
  if (it == json.end() || !it->is_string()) return Unreadable(std::string("no ") + name);
  return it->get<std::string>();
}
Result<std::uint64_t> NumberOf(const Json& json, const char* name) {
  const auto it = json.find(name);
  if (it == json.end() || !it->is_number_unsigned()) {
    return Unreadable(std::string("no ") + name);
  }
  return it->get<std::uint64_t>();
}

Result<ProcessIdentity> ProcessOf(const Json& json) {
  ProcessIdentity process;
  SHOJI_ASSIGN_OR_RETURN(const std::uint64_t pid, NumberOf(json, "pid"));
  if (pid > INT32_MAX) return Unreadable("pid " + std::to_string(pid));
  process.pid = static_cast<pid_t>(pid);
  SHOJI_ASSIGN_OR_RETURN(process.start_time, NumberOf(json, "start_time"));
  SHOJI_ASSIGN_OR_RETURN(process.boot_id, TextOf(json, "boot_id"));
  return process;
}

Json JsonOf(const ProcessIdentity& process) {
  return {{"pid", static_cast<std::uint64_t>(process.pid)},
          {"start_time", process.start_time},
          {"boot_id", process.boot_id}};
}

// What blobs of earlier releases lack.
Status ReadLaterParts(const Json& json, SavedVm& vm) {
  if (json.contains("recipe")) {
    SHOJI_ASSIGN_OR_RETURN(vm.recipe, TextOf(json, "recipe"));
  }
  const auto helpers = json.find("helpers");
  if (helpers == json.end()) return OkStatus();
  if (!helpers->is_array()) return Unreadable("helpers is no list");
  for (const Json& helper : *helpers) {
    SHOJI_ASSIGN_OR_RETURN(ProcessIdentity process, ProcessOf(helper));
    vm.helpers.push_back(std::move(process));
  }
  return OkStatus();
}

// The name in parentheses may hold blanks and parentheses: fields count from the last one.
Result<std::uint64_t> StartTimeIn(const std::string& stat) {
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos || name_end + 2 > stat.size()) {
    return Internal("/proc/<pid>/stat has no name");
  }
  const std::vector<std::string> fields = Split(stat.substr(name_end + 2), ' ');
  constexpr std::size_t kIndex = kStartTimeField - 3;
  if (fields.size() <= kIndex) return Internal("/proc/<pid>/stat is too short");
  SHOJI_ASSIGN_OR_RETURN(const std::int64_t value, ParseInt(fields[kIndex]));
  return static_cast<std::uint64_t>(value);
}

}  // namespace

std::string EncodeState(const SavedVm& vm) {
  Json helpers = Json::array();
  for (const ProcessIdentity& helper : vm.helpers) helpers.push_back(JsonOf(helper));
  Json json = JsonOf(vm.process);
  json["version"] = kVersion;
  json["id"] = vm.id;
  json["uuid"] = vm.uuid;
  json["run_dir"] = vm.run_dir;
  json["recipe"] = vm.recipe;
  json["helpers"] = std::move(helpers);
  return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

Result<SavedVm> DecodeState(std::string_view blob) {
  if (blob.size() > kMaxBlob) return Unreadable("it is too large");
  const Json json = Json::parse(blob, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Unreadable("it is not a JSON object");
  SHOJI_ASSIGN_OR_RETURN(const std::uint64_t version, NumberOf(json, "version"));
  if (version != kVersion) return Unreadable("its version is " + std::to_string(version));
  SavedVm vm;
  SHOJI_ASSIGN_OR_RETURN(vm.id, TextOf(json, "id"));
  SHOJI_ASSIGN_OR_RETURN(vm.uuid, TextOf(json, "uuid"));
  SHOJI_ASSIGN_OR_RETURN(vm.run_dir, TextOf(json, "run_dir"));
  if (vm.run_dir.empty() || vm.run_dir[0] != '/') return Unreadable("run_dir is not absolute");
  SHOJI_ASSIGN_OR_RETURN(vm.process, ProcessOf(json));
  SHOJI_RETURN_IF_ERROR(ReadLaterParts(json, vm));
  return vm;
}

Result<ProcessIdentity> IdentifyProcess(pid_t pid) {
  ProcessIdentity process;
  process.pid = pid;
  SHOJI_ASSIGN_OR_RETURN(const std::string stat,
                         ReadFile("/proc/" + std::to_string(pid) + "/stat"));
  SHOJI_ASSIGN_OR_RETURN(process.start_time, StartTimeIn(stat));
  SHOJI_ASSIGN_OR_RETURN(const std::string boot_id, ReadFile("/proc/sys/kernel/random/boot_id"));
  process.boot_id = std::string(Trim(boot_id));
  return process;
}

Result<UniqueFd> FindProcess(const ProcessIdentity& process) {
  const Status gone = NotFound("process " + std::to_string(process.pid) + " of the VM is gone");
  if (process.pid <= 0) return gone;
  // The descriptor first: what is read afterwards is of the same process or of none.
  SHOJI_ASSIGN_OR_RETURN(UniqueFd pidfd, OpenPidfd(process.pid));
  const auto now = IdentifyProcess(process.pid);
  const bool same =
      now.ok() && now->start_time == process.start_time && now->boot_id == process.boot_id;
  if (!same || HasEnded(pidfd.get())) return gone;
  return pidfd;
}

bool HasEnded(int pidfd) { return WaitForEnd(pidfd, Deadline::FromNanos(1)); }

bool WaitForEnd(int pidfd, Deadline deadline) {
  pollfd entry{pidfd, POLLIN, 0};
  int rc = 0;
  do {
    rc = poll(&entry, 1, deadline.PollTimeout());
  } while (rc < 0 && errno == EINTR);
  return rc == 1;
}

}  // namespace shoji::qemu
