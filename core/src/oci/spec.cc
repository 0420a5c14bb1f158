#include "oci/spec.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <exception>
#include <nlohmann/json.hpp>

#include "host/paths.h"
#include "oci/guest_limits.h"
#include "oci/json_fields.h"
#include "oci/process.h"
#include "oci/resources.h"
#include "shoji/base/strings.h"

namespace shoji {
namespace {

using nlohmann::json;

bool IsUnder(const std::string& path, const std::string& dir) {
  return path == dir || path.rfind(dir + "/", 0) == 0;
}

// Kernel file systems and devices of the host: the guest has its own.
bool IsGuestsOwn(const std::string& source) {
  return IsUnder(source, "/proc") || IsUnder(source, "/sys") || IsUnder(source, "/dev") ||
         source == kGuestNameService;
}

bool HasOption(const std::vector<std::string>& options, const std::string& name) {
  return std::find(options.begin(), options.end(), name) != options.end();
}

// The memory that the processes of a pod share: an engine makes a directory "…/shm" for it on
// the host, and the guest has its own. Something else on /dev/shm is a volume as any other.
bool IsPodShm(const std::string& source, const std::string& destination) {
  const std::string name = "/shm";
  const bool named = source.size() >= name.size() &&
                     source.compare(source.size() - name.size(), name.size(), name) == 0;
  return destination == "/dev/shm" && named;
}

// A hierarchy of cgroup v1, which an engine shows to systemd; the guest has v2 only.
bool IsOldHierarchy(const std::string& source) { return source == "/sys/fs/cgroup/systemd"; }

bool IsBind(const json& mount) {
  const auto options = ValueOr(mount, "options", std::vector<std::string>());
  return ValueOr(mount, "type", std::string()) == "bind" || HasOption(options, "bind") ||
         HasOption(options, "rbind");
}

bool IsOverlayPart(const std::string& option) {
  for (const char* name : {"lowerdir=", "upperdir=", "workdir="}) {
    if (option.compare(0, std::char_traits<char>::length(name), name) == 0) return true;
  }
  return false;
}

// Its directories are the host's (podman: --volume …:O, --mount type=image), so it is made there
// and shown to the guest as a bind is. Empty: it is no such mount.
std::string OverlayOf(const json& mount) {
  if (ValueOr(mount, "type", std::string()) != "overlay") return {};
  std::string out;
  for (const auto& option : ValueOr(mount, "options", std::vector<std::string>())) {
    if (IsOverlayPart(option)) out += (out.empty() ? "" : ",") + option;
  }
  return out;
}

// What the share shows to the guest.
bool IsShared(const json& mount) { return IsBind(mount) || !OverlayOf(mount).empty(); }

Result<json> ParseSpec(const std::string& text) {
  json spec = json::parse(text, nullptr, false);
  if (spec.is_discarded()) return InvalidArgument("OCI specification is not valid JSON");
  if (!spec.is_object()) return InvalidArgument("OCI specification is not a JSON object");
  return spec;
}

Result<std::string> DestinationOf(const json& mount, std::size_t index) {
  const std::string path = ValueOr(mount, "destination", std::string());
  if (!path.empty()) return path;
  return InvalidArgument("mounts[" + std::to_string(index) +
                         "].destination of the OCI specification is missing");
}

Result<std::vector<SpecBind>> Binds(const json& spec) {
  std::vector<SpecBind> out;
  const json mounts = ArrayOr(spec, "mounts");
  for (std::size_t i = 0; i < mounts.size(); ++i) {
    SHOJI_ASSIGN_OR_RETURN(const std::string destination, DestinationOf(mounts[i], i));
    const std::string source = ValueOr(mounts[i], "source", std::string());
    if (ValueOr(mounts[i], "type", std::string()) == kStorageMount) continue;
    if (!IsShared(mounts[i]) || source.empty() || IsPodShm(source, destination) ||
        IsGuestsOwn(source)) {
      continue;
    }
    const auto options = ValueOr(mounts[i], "options", std::vector<std::string>());
    out.push_back({i, source, destination, HasOption(options, "ro"), OverlayOf(mounts[i])});
  }
  return out;
}

std::vector<SpecBind> StorageMounts(const json& spec) {
  std::vector<SpecBind> out;
  const json mounts = ArrayOr(spec, "mounts");
  for (std::size_t i = 0; i < mounts.size(); ++i) {
    if (ValueOr(mounts[i], "type", std::string()) != kStorageMount) continue;
    out.push_back({i, ValueOr(mounts[i], "source", std::string()),
                   ValueOr(mounts[i], "destination", std::string()), false});
  }
  return out;
}

// Of the host: those of startContainer are the guest's.
bool HasHooks(const json& spec) {
  json hooks = ObjectOr(spec, "hooks");
  hooks.erase("startContainer");
  return std::any_of(hooks.begin(), hooks.end(), [](const json& list) { return !list.empty(); });
}

// "10m" of tmpfs; 0 for what is no number of bytes.
std::uint64_t SizeOption(const std::vector<std::string>& options) {
  const std::string name = "size=";
  for (const std::string& option : options) {
    if (option.rfind(name, 0) != 0) continue;
    const auto size = ParseSize(option.substr(name.size()));
    return size.ok() ? *size : 0;
  }
  return 0;
}

std::uint64_t ShmSizeOf(const json& mounts) {
  for (const json& mount : mounts) {
    if (ValueOr(mount, "destination", std::string()) != "/dev/shm") continue;
    if (!IsBind(mount)) return SizeOption(ValueOr(mount, "options", std::vector<std::string>()));
    const std::string source = ValueOr(mount, "source", std::string());
    struct statfs info = {};
    if (!IsPodShm(source, "/dev/shm") || source == "/dev/shm") return 0;
    if (statfs(source.c_str(), &info) < 0 || info.f_type != TMPFS_MAGIC) return 0;
    return static_cast<std::uint64_t>(info.f_blocks) * static_cast<std::uint64_t>(info.f_bsize);
  }
  return 0;
}

bool JoinsPids(const json& linux_part) {
  const json namespaces = ArrayOr(linux_part, "namespaces");
  return std::any_of(namespaces.begin(), namespaces.end(), [](const json& ns) {
    return ValueOr(ns, "type", std::string()) == "pid" &&
           !ValueOr(ns, "path", std::string()).empty();
  });
}

std::set<std::string> BlockNodes(const json& linux_part) {
  std::set<std::string> out;
  for (const json& node : ArrayOr(linux_part, "devices")) {
    if (ValueOr(node, "type", std::string()) == "b") {
      out.insert(ValueOr(node, "path", std::string()));
    }
  }
  return out;
}

// A namespace without a path is a new one.
bool AsksForOwnPids(const json& spec) {
  const json namespaces = ArrayOr(ObjectOr(spec, "linux"), "namespaces");
  return std::any_of(namespaces.begin(), namespaces.end(), [](const json& ns) {
    return ValueOr(ns, "type", std::string()) == "pid" &&
           ValueOr(ns, "path", std::string()).empty();
  });
}

Result<SpecSummary> Summarize(const json& spec) {
  SpecSummary out;
  const json process = ObjectOr(spec, "process");
  const json root = ObjectOr(spec, "root");
  out.rootfs = ValueOr(root, "path", std::string());
  if (out.rootfs.empty()) return InvalidArgument("root.path of the OCI specification is missing");
  out.read_only = ValueOr(root, "readonly", false);
  out.args = ValueOr(process, "args", std::vector<std::string>());
  if (out.args.empty()) return InvalidArgument("process.args of the OCI specification is missing");
  out.env = ValueOr(process, "env", std::vector<std::string>());
  out.terminal = ValueOr(process, "terminal", false);
  out.cwd = ValueOr(process, "cwd", std::string());
  out.cgroups_path = ValueOr(ObjectOr(spec, "linux"), "cgroupsPath", std::string());
  out.own_pids = AsksForOwnPids(spec);
  out.has_hooks = HasHooks(spec);
  out.annotations = ValueOr(spec, "annotations", std::map<std::string, std::string>());
  SHOJI_ASSIGN_OR_RETURN(out.binds, Binds(spec));
  out.storages = StorageMounts(spec);
  out.hostname = ValueOr(spec, "hostname", std::string());
  out.shm_size = ShmSizeOf(ArrayOr(spec, "mounts"));
  out.joins_pids = JoinsPids(ObjectOr(spec, "linux"));
  out.block_nodes = BlockNodes(ObjectOr(spec, "linux"));
  for (const json& mount : ArrayOr(spec, "mounts")) {
    out.destinations.push_back(ValueOr(mount, "destination", std::string()));
  }
  return out;
}

// ---- the edits -----------------------------------------------------------------

// The VM has its network and its processes to itself; no path of the host means anything.
json EditNamespaces(const json& namespaces) {
  json out = json::array();
  for (const json& ns : namespaces) {
    const std::string type = ValueOr(ns, "type", std::string());
    if (type == "pid" || type == "network" || type.empty()) continue;
    out.push_back({{"type", type}});
  }
  return out;
}

json EditLinux(json in, const GuestPlace& place) {
  const GuestDevices devices(ArrayOr(in, "devices"), place.attached_paths);
  in["namespaces"] = EditNamespaces(ArrayOr(in, "namespaces"));
  in["resources"] = EditResources(ObjectOr(in, "resources"), devices);
  if (in.contains("devices")) in["devices"] = devices.Nodes();
  in["cgroupsPath"] = "/" + place.container_id;
  for (const char* name : {"mountLabel", "intelRdt"}) in.erase(name);
  return in;
}

// The only ones whose programs lie in the container; those of the others lie on the host.
void EditHooks(json& spec) {
  const json start = ArrayOr(ObjectOr(spec, "hooks"), "startContainer");
  spec.erase("hooks");
  if (!start.empty()) spec["hooks"] = {{"startContainer", start}};
}

// Numbers that no driver has, one for each device.
constexpr int kOurMajor = 4094;

void AddDevices(const std::vector<SpecDevice>& devices, json& linux_part) {
  if (devices.empty()) return;
  json& list = linux_part["devices"];
  json& rules = linux_part["resources"]["devices"];
  if (!list.is_array()) list = json::array();
  if (!rules.is_array()) rules = json::array();
  int minor = 0;
  for (const SpecDevice& device : devices) {
    const char* const type = device.block ? "b" : "c";
    for (std::size_t i = list.size(); i-- > 0;) {
      if (ValueOr(list[i], "path", std::string()) == device.path) list.erase(i);
    }
    list.push_back({{"path", device.path},
                    {"type", type},
                    {"major", kOurMajor},
                    {"minor", minor},
                    {"fileMode", 0660},
                    {"uid", 0},
                    {"gid", 0}});
    rules.push_back({{"allow", true},
                     {"type", type},
                     {"major", kOurMajor},
                     {"minor", minor++},
                     {"access", device.access}});
  }
}

// The engine's restrictions hold for the guest's file system too.
json ShmMount(const std::vector<std::string>& asked) {
  json options = {"rbind"};
  for (const std::string& option : asked) {
    const bool ours = option == "ro" || option == "nosuid" || option == "nodev" ||
                      option == "noexec" || option == "exec";
    if (ours) options.push_back(option);
  }
  return {{"destination", "/dev/shm"},
          {"type", "bind"},
          {"source", kGuestShm},
          {"options", std::move(options)}};
}

Result<json> EditMount(json mount, std::size_t index, const GuestPlace& place) {
  SHOJI_ASSIGN_OR_RETURN(const std::string destination, DestinationOf(mount, index));
  auto options = ValueOr(mount, "options", std::vector<std::string>());
  const std::string source = ValueOr(mount, "source", std::string());
  const bool shm = destination == "/dev/shm" && (!IsBind(mount) || IsPodShm(source, destination));
  if (shm) return ShmMount(options);
  if (!IsShared(mount) && ValueOr(mount, "type", std::string()) != kStorageMount) return mount;
  if (!OverlayOf(mount).empty()) std::erase_if(options, IsOverlayPart);
  if (const auto it = place.binds.find(index); it != place.binds.end()) {
    mount["source"] = it->second;
  }
  if (!HasOption(options, "bind") && !HasOption(options, "rbind")) options.push_back("rbind");
  mount["type"] = "bind";
  mount["options"] = std::move(options);
  return mount;
}

Result<json> EditMounts(const json& mounts, const GuestPlace& place) {
  json out = json::array();
  for (std::size_t i = 0; i < mounts.size(); ++i) {
    if (IsOldHierarchy(ValueOr(mounts[i], "source", std::string()))) continue;
    SHOJI_ASSIGN_OR_RETURN(json mount, EditMount(mounts[i], i, place));
    out.push_back(std::move(mount));
  }
  return out;
}

Result<std::string> Edit(json spec, const GuestPlace& place) {
  EditHooks(spec);
  for (const char* other : {"solaris", "windows", "vm", "zos"}) spec.erase(other);
  spec["root"] = {{"path", place.rootfs},
                  {"readonly", ValueOr(ObjectOr(spec, "root"), "readonly", false)}};
  spec["process"] = ObjectOr(spec, "process");
  EditProcess(spec["process"]);
  SHOJI_ASSIGN_OR_RETURN(spec["mounts"], EditMounts(ArrayOr(spec, "mounts"), place));
  spec["linux"] = EditLinux(ObjectOr(spec, "linux"), place);
  if (!place.resources.empty()) {
    SHOJI_ASSIGN_OR_RETURN(const json resources, ParseResources(place.resources));
    spec["linux"]["resources"].update(resources, true);
  }
  AddDevices(place.devices, spec["linux"]);
  return spec.dump(-1, ' ', false, json::error_handler_t::replace);
}

Status BadField(const std::exception& e) {
  return InvalidArgument(std::string("OCI specification has a field of the wrong type: ") +
                         e.what());
}

void AddCapabilities(const std::vector<std::string>& more, json& capabilities) {
  for (const char* set : {"bounding", "effective", "inheritable", "permitted", "ambient"}) {
    json names = ArrayOr(capabilities, set);
    for (const std::string& name : more) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    capabilities[set] = std::move(names);
  }
}

Result<json> ExecObject(Cmd cmd, const User& user, const ContainerConfig& container,
                        const std::string& hostname) {
  std::vector<std::string> env;
  json capabilities;
  if (container.oci_spec.empty()) {
    env = WithDefaultEnv(container.cmd.envs, cmd.terminal, user, hostname);
  } else {
    SHOJI_ASSIGN_OR_RETURN(const json spec, ParseSpec(container.oci_spec));
    const json process = ObjectOr(spec, "process");
    env = ValueOr(process, "env", std::vector<std::string>());
    capabilities = ObjectOr(process, "capabilities");
  }
  const bool own_capabilities = cmd.capabilities.has_value();
  json out = ProcessObject(cmd, user, OverlayEnv(std::move(env), cmd.envs));
  if (!own_capabilities && capabilities.is_object()) out["capabilities"] = capabilities;
  if (!cmd.more_capabilities.empty()) AddCapabilities(cmd.more_capabilities, out["capabilities"]);
  return out;
}

}  // namespace

Result<SpecSummary> Inspect(const std::string& spec) {
  try {
    SHOJI_ASSIGN_OR_RETURN(const json parsed, ParseSpec(spec));
    return Summarize(parsed);
  } catch (const std::exception& e) {
    return BadField(e);
  }
}

Result<std::string> EditForGuest(const std::string& spec, const GuestPlace& place) {
  try {
    SHOJI_ASSIGN_OR_RETURN(json parsed, ParseSpec(spec));
    return Edit(std::move(parsed), place);
  } catch (const std::exception& e) {
    return BadField(e);
  }
}

Result<std::string> ExecProcess(const Cmd& cmd, const User& user, const ContainerConfig& container,
                                const std::string& hostname) {
  try {
    SHOJI_ASSIGN_OR_RETURN(const json process, ExecObject(cmd, user, container, hostname));
    return process.dump(-1, ' ', false, json::error_handler_t::replace);
  } catch (const std::exception& e) {
    return BadField(e);
  }
}

}  // namespace shoji
