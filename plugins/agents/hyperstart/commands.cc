#include "commands.h"

#include <nlohmann/json.hpp>

#include "shoji/sdk/plugin.h"

namespace shoji::agent_hyperstart {
namespace {

using Json = nlohmann::ordered_json;

// Where the core places what the host shares, and what the guest has of its own.
constexpr std::string_view kShare = "/run/kata-containers/shared/containers/";
constexpr std::string_view kOfGuest = "/run/kata-containers/sandbox/";
constexpr std::string_view kShm = "/run/kata-containers/sandbox/shm";

std::string Text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string BaseName(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

Status Cannot(const std::string& what) { return Unimplemented("hyperstart cannot " + what); }

// What a specification does not hold is thrown by the library; told as one line.
template <typename Make>
Result<std::string> Made(std::string_view text, const char* what, Make make) {
  const Json in = Json::parse(text, nullptr, false);
  if (!in.is_object()) return InvalidArgument(std::string(what) + " is no JSON object");
  try {
    return make(in);
  } catch (const Json::exception& e) {
    return InvalidArgument(std::string(what) + " cannot be used: " + e.what());
  }
}

Json Environment(const Json& process) {
  Json out = Json::array();
  for (const std::string& word : process.value("env", std::vector<std::string>())) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) continue;
    out.push_back({{"env", word.substr(0, equals)}, {"value", word.substr(equals + 1)}});
  }
  return out;
}

Json Groups(const Json& user) {
  Json out = Json::array();
  for (const std::uint32_t gid : user.value("additionalGids", std::vector<std::uint32_t>())) {
    out.push_back(std::to_string(gid));
  }
  return out;
}

// The proxy adds the numbers of the streams.
Json ProcessOf(const std::string& id, const Json& process) {
  const Json user = process.value("user", Json::object());
  return {{"id", id},
          {"user", std::to_string(user.value("uid", 0U))},
          {"group", std::to_string(user.value("gid", 0U))},
          {"additionalGroups", Groups(user)},
          {"terminal", process.value("terminal", false)},
          {"args", process.at("args").get<std::vector<std::string>>()},
          {"envs", Environment(process)},
          {"workdir", process.value("cwd", "/")}};
}

// In every container of hyperstart without being asked for.
bool IsGiven(const std::string& type, const std::string& target) {
  for (const char* given : {"proc", "sysfs", "devpts", "mqueue", "cgroup", "cgroup2"}) {
    if (type == given) return true;
  }
  return target == "/dev" || target == "/dev/shm";
}

bool IsReadOnly(const Json& mount) {
  for (const std::string& option : mount.value("options", std::vector<std::string>())) {
    if (option == "ro") return true;
  }
  return false;
}

Status AddMount(const Json& mount, Json& volumes) {
  const auto target = mount.at("destination").get<std::string>();
  const std::string type = mount.value("type", "bind");
  const std::string source = mount.value("source", "");
  if (type == "bind" && source.starts_with(kShare)) {
    volumes.push_back({{"source", source.substr(kShare.size())},
                       {"path", target},
                       {"readOnly", IsReadOnly(mount)},
                       {"dockerVolume", false}});
    return OkStatus();
  }
  // Its own /dev/shm; the name service is that of startsandbox.
  if (type == "bind" && source.starts_with(kOfGuest)) return OkStatus();
  if (IsGiven(type, target)) return OkStatus();
  return Cannot("mount " + type + " \"" + source + "\" on " + target);
}

Result<std::string> ContainerOf(const std::string& id, const Json& spec) {
  const auto root = spec.at("root").at("path").get<std::string>();
  const std::size_t slash = root.rfind('/');
  if (!root.starts_with(kShare) || slash <= kShare.size()) {
    return Cannot("run a container from " + root + ", which is not in the share");
  }
  Json volumes = Json::array();
  for (const Json& mount : spec.value("mounts", Json::array())) {
    SHOJI_RETURN_IF_ERROR(AddMount(mount, volumes));
  }
  return Text({{"id", id},
               {"image", root.substr(kShare.size(), slash - kShare.size())},
               {"rootfs", root.substr(slash + 1)},
               {"fsmap", volumes},
               {"process", ProcessOf(id, spec.at("process"))},
               {"restartPolicy", "never"},
               {"initialize", false}});
}

// Empty for what hyperstart has without being told.
Result<std::string> ShareTag(const shoji_storage& storage) {
  const std::string_view target = sdk::View(storage.mount_point);
  if (target == kShm) return std::string();
  if (std::string(target) + "/" == kShare) return BaseName(sdk::View(storage.source));
  return Cannot("mount storage \"" + sdk::String(storage.source) + "\" on " + std::string(target));
}

}  // namespace

Result<std::string> StartSandboxJson(const shoji_sandbox_request& request) {
  if ((request.flags & SHOJI_SANDBOX_SHARED_PIDNS) != 0) {
    return Cannot("put the containers of a pod into one PID namespace");
  }
  if (request.guest_hook_path.size > 0) return Cannot("run hooks of the guest");
  std::string tag;
  for (std::uint32_t i = 0; i < request.storage_count; ++i) {
    SHOJI_ASSIGN_OR_RETURN(const std::string named, ShareTag(*request.storages[i]));
    if (!named.empty()) tag = named;
  }
  Json dns = Json::array();
  for (std::uint32_t i = 0; i < request.dns_count; ++i) {
    dns.push_back(sdk::String(request.dns[i]));
  }
  return Text({{"hostname", sdk::String(request.hostname)},
               {"dns", dns},
               {"containers", Json::array()},
               {"shareDir", tag}});
}

Result<std::string> NewContainerJson(const std::string& id, std::string_view spec) {
  return Made(spec, "the specification of a container",
              [&](const Json& in) { return ContainerOf(id, in); });
}

Result<std::string> ExecJson(const std::string& container, const std::string& id,
                             std::string_view process) {
  return Made(process, "the description of a process", [&](const Json& in) -> Result<std::string> {
    return Text({{"container", container}, {"process", ProcessOf(id, in)}});
  });
}

std::string KillJson(const std::string& container, std::uint32_t signal, bool all) {
  return Text({{"container", container}, {"signal", signal}, {"allProcesses", all}});
}

std::string RemoveJson(const std::string& container) {
  return Text(Json::object({{"container", container}}));
}

}  // namespace shoji::agent_hyperstart
