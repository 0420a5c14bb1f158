#include "state.h"

#include <poll.h>

#include <nlohmann/json.hpp>

#include "shoji/base/file.h"
#include "shoji/base/strings.h"
#include "shoji/spawn/spawn.h"

namespace shoji::process {
namespace {

using Json = nlohmann::json;

constexpr int kVersion = 1;
constexpr std::size_t kMaxBlob = 64U << 10U;
constexpr std::size_t kStartTime = 22 - 3;  // of /proc/<pid>/stat, counted behind the name

Status Unreadable(const std::string& why) {
  return DataLoss("the saved state of the VM cannot be read: " + why);
}

Result<std::string> Text(const Json& json, const char* name) {
  const auto it = json.find(name);
  if (it == json.end() || !it->is_string()) return Unreadable(std::string("no ") + name);
  return it->get<std::string>();
}

Result<std::uint64_t> Number(const Json& json, const char* name, std::uint64_t most) {
  const auto it = json.find(name);
  if (it == json.end() || !it->is_number_unsigned() || it->get<std::uint64_t>() > most) {
    return Unreadable(std::string("no ") + name);
  }
  return it->get<std::uint64_t>();
}

Result<std::string> Path(const Json& json, const char* name, bool may_be_empty) {
  SHOJI_ASSIGN_OR_RETURN(std::string path, Text(json, name));
  if (path.empty() ? may_be_empty : path[0] == '/') return path;
  return Unreadable(std::string(name) + " is no absolute path");
}

Result<ProcessIdentity> ProcessOf(const Json& json, const char* name) {
  const auto it = json.find(name);
  if (it == json.end() || !it->is_object()) return Unreadable(std::string("no ") + name);
  ProcessIdentity process;
  SHOJI_ASSIGN_OR_RETURN(const std::uint64_t pid, Number(*it, "pid", INT32_MAX));
  process.pid = static_cast<pid_t>(pid);
  SHOJI_ASSIGN_OR_RETURN(process.start_time, Number(*it, "start_time", UINT64_MAX));
  return process;
}

Json JsonOf(const ProcessIdentity& process) {
  return {{"pid", static_cast<std::uint64_t>(process.pid)}, {"start_time", process.start_time}};
}

Status TakeShares(const Json& json, std::vector<std::string>* shares) {
  const auto it = json.find("shares");
  if (it == json.end() || !it->is_array()) return Unreadable("no shares");
  for (const Json& tag : *it) {
    if (!tag.is_string()) return Unreadable("a share without a tag");
    shares->push_back(tag.get<std::string>());
  }
  return OkStatus();
}

}  // namespace

std::string EncodeState(const SavedVm& vm) {
  const Json json = {{"version", kVersion},       {"id", vm.id},
                     {"run_dir", vm.run_dir},     {"cgroup", vm.cgroup},
                     {"boot_id", vm.boot_id},     {"shares", vm.shares},
                     {"vcpus", vm.vcpus},         {"keeper", JsonOf(vm.keeper)},
                     {"agent", JsonOf(vm.agent)}, {"agent_port", vm.agent_port}};
  return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

Result<SavedVm> DecodeState(std::string_view blob) {
  if (blob.size() > kMaxBlob) return Unreadable("it is too large");
  const Json json = Json::parse(blob, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Unreadable("it is not a JSON object");
  SHOJI_ASSIGN_OR_RETURN(const std::uint64_t version, Number(json, "version", UINT64_MAX));
  if (version != kVersion) return Unreadable("its version is " + std::to_string(version));
  SavedVm vm;
  SHOJI_ASSIGN_OR_RETURN(vm.id, Text(json, "id"));
  SHOJI_ASSIGN_OR_RETURN(vm.run_dir, Path(json, "run_dir", false));
  SHOJI_ASSIGN_OR_RETURN(vm.cgroup, Path(json, "cgroup", true));
  SHOJI_ASSIGN_OR_RETURN(vm.boot_id, Text(json, "boot_id"));
  SHOJI_RETURN_IF_ERROR(TakeShares(json, &vm.shares));
  SHOJI_ASSIGN_OR_RETURN(const std::uint64_t vcpus, Number(json, "vcpus", UINT32_MAX));
  vm.vcpus = static_cast<std::uint32_t>(vcpus);
  if (json.contains("agent_port")) {  // not in those of earlier versions
    SHOJI_ASSIGN_OR_RETURN(const std::uint64_t port, Number(json, "agent_port", UINT32_MAX));
    vm.agent_port = static_cast<std::uint32_t>(port);
  }
  SHOJI_ASSIGN_OR_RETURN(vm.keeper, ProcessOf(json, "keeper"));
  SHOJI_ASSIGN_OR_RETURN(vm.agent, ProcessOf(json, "agent"));
  return vm;
}

Result<std::string> BootId() {
  SHOJI_ASSIGN_OR_RETURN(const std::string id, ReadFile("/proc/sys/kernel/random/boot_id"));
  return std::string(Trim(id));
}

Result<ProcessIdentity> IdentifyProcess(pid_t pid) {
  SHOJI_ASSIGN_OR_RETURN(const std::string stat,
                         ReadFile("/proc/" + std::to_string(pid) + "/stat"));
  // The name in parentheses may hold blanks and parentheses: fields count from the last one.
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos || name_end + 2 > stat.size()) {
    return Internal("/proc/<pid>/stat has no name");
  }
  const std::vector<std::string> fields = Split(stat.substr(name_end + 2), ' ');
  if (fields.size() <= kStartTime) return Internal("/proc/<pid>/stat is too short");
  SHOJI_ASSIGN_OR_RETURN(const std::int64_t start, ParseInt(fields[kStartTime]));
  return ProcessIdentity{pid, static_cast<std::uint64_t>(start)};
}

Result<UniqueFd> FindProcess(const ProcessIdentity& process, const std::string& boot_id) {
  const Status gone = NotFound("process " + std::to_string(process.pid) + " of the VM is gone");
  if (process.pid <= 0) return gone;
  SHOJI_ASSIGN_OR_RETURN(const std::string boot, BootId());
  if (boot != boot_id) return gone;
  // The descriptor first: what is read afterwards is of the same process or of none.
  SHOJI_ASSIGN_OR_RETURN(UniqueFd pidfd, OpenPidfd(process.pid));
  const auto now = IdentifyProcess(process.pid);
  if (!now.ok() || now->start_time != process.start_time || HasEnded(pidfd.get())) return gone;
  return pidfd;
}

bool HasEnded(int pidfd) {
  pollfd entry{pidfd, POLLIN, 0};
  return poll(&entry, 1, 0) == 1;
}

}  // namespace shoji::process
