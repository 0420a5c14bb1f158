#include "oci/oci_process.h"

#include <exception>
#include <limits>
#include <nlohmann/json.hpp>

#include "oci/json_fields.h"
#include "oci/process.h"
#include "oci/user.h"

namespace shoji {
namespace {

using nlohmann::json;

Status Bad(const std::string& why) { return InvalidArgument("the OCI process " + why); }

bool HasNul(const std::string& text) { return text.find('\0') != std::string::npos; }

Status CheckArgs(const json& process) {
  const auto args = ValueOr(process, "args", std::vector<std::string>());
  if (args.empty() || args[0].empty()) return Bad("has no args; give at least the program to run");
  for (const std::string& arg : args) {
    if (HasNul(arg)) return Bad("has a NUL byte in args");
  }
  return OkStatus();
}

Status CheckEnv(const json& process) {
  for (const std::string& env : ValueOr(process, "env", std::vector<std::string>())) {
    const std::size_t equals = env.find('=');
    if (equals != 0 && equals != std::string::npos && !HasNul(env)) continue;
    return Bad("has \"" + env + "\" in env, which is not of the form NAME=value");
  }
  return OkStatus();
}

Status CheckCwd(const json& process) {
  const std::string cwd = ValueOr(process, "cwd", std::string("/"));
  if (!cwd.empty() && cwd[0] == '/' && !HasNul(cwd)) return OkStatus();
  return Bad("has cwd \"" + cwd + "\", which is not an absolute path");
}

Status CheckId(const json& user, const char* name) {
  constexpr std::int64_t kMost = std::numeric_limits<std::uint32_t>::max();
  const auto id = ValueOr(user, name, std::int64_t{0});
  if (id >= 0 && id < kMost) return OkStatus();
  return Bad("has user." + std::string(name) + " " + std::to_string(id) + ", which is no id");
}

Status Check(const json& process) {
  if (!process.is_object()) return Bad("is not a JSON object");
  SHOJI_RETURN_IF_ERROR(CheckArgs(process));
  SHOJI_RETURN_IF_ERROR(CheckEnv(process));
  SHOJI_RETURN_IF_ERROR(CheckCwd(process));
  const json user = ObjectOr(process, "user");
  if (!user.is_object()) return Bad("has a user that is not an object");
  SHOJI_RETURN_IF_ERROR(CheckId(user, "uid"));
  SHOJI_RETURN_IF_ERROR(CheckId(user, "gid"));
  (void)ValueOr(user, "additionalGids", std::vector<std::uint32_t>());
  return OkStatus();
}

// What the process of the container itself may do.
json CapabilitiesOf(const ContainerConfig& container, const json& own, const json& user) {
  if (!container.oci_spec.empty()) return ObjectOr(own, "capabilities");
  User who;
  who.uid = ValueOr(user, "uid", std::uint32_t{0});
  return ProcessObject(container.cmd, who, {}).at("capabilities");
}

// The process of the container's specification; an empty object where it has none.
json OwnProcess(const ContainerConfig& container) {
  if (container.oci_spec.empty()) return json::object();
  return ObjectOr(json::parse(container.oci_spec), "process");
}

// Engines say nothing of it for a process that joins: it is the container's.
void InheritUmask(json& user, const json& own) {
  if (user.contains("umask")) return;
  const json owner = ObjectOr(own, "user");
  if (const auto umask = owner.find("umask"); umask != owner.end()) user["umask"] = *umask;
}

OciProcess Read(json process, const ContainerConfig& container) {
  process["user"] = ObjectOr(process, "user");
  const json own = OwnProcess(container);
  InheritUmask(process["user"], own);
  process["cwd"] = ValueOr(process, "cwd", std::string("/"));
  if (ObjectOr(process, "capabilities").empty()) {
    process["capabilities"] = CapabilitiesOf(container, own, process["user"]);
  }
  EditProcess(process);
  OciProcess out;
  out.terminal = ValueOr(process, "terminal", false);
  out.json = process.dump(-1, ' ', false, json::error_handler_t::replace);
  return out;
}

}  // namespace

Result<OciProcess> ReadOciProcess(const std::string& text, const ContainerConfig& container) {
  try {
    json process = json::parse(text, nullptr, false);
    if (process.is_discarded()) return Bad("is not valid JSON");
    SHOJI_RETURN_IF_ERROR(Check(process));
    return Read(std::move(process), container);
  } catch (const std::exception& e) {
    return Bad(std::string("has a field of the wrong type: ") + e.what());
  }
}

}  // namespace shoji
