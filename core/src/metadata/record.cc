#include "metadata/record.h"

#include <algorithm>
#include <exception>
#include <map>
#include <nlohmann/json.hpp>

#include "metadata/config_json.h"
#include "metadata/hex.h"
#include "metadata/text.h"
#include "metadata/upgrade.h"

namespace shoji {

using nlohmann::json;

// nlohmann finds these by argument-dependent lookup, so they live in the types' namespace.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Capabilities, bounding, effective, inheritable,
                                                permitted, ambient)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Mount, source, destination, type, options)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(RootFs, source, read_only, ephemeral)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(ProcessId, pid, start_ticks)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(ExecRecord, id, shim_pid, shim_start_ticks)

static void to_json(json& out, const Cmd& cmd) {
  out = json{{"args", cmd.args},         {"envs", cmd.envs},
             {"user", cmd.user},         {"supplementary_groups", cmd.supplementary_groups},
             {"work_dir", cmd.work_dir}, {"no_new_privileges", cmd.no_new_privileges},
             {"terminal", cmd.terminal}, {"rows", cmd.rows},
             {"columns", cmd.columns}};
  if (cmd.capabilities) out["capabilities"] = *cmd.capabilities;
}

static void from_json(const json& in, Cmd& cmd) {
  const Cmd none;
  cmd.args = in.value("args", none.args);
  cmd.envs = in.value("envs", none.envs);
  cmd.user = in.value("user", none.user);
  cmd.supplementary_groups = in.value("supplementary_groups", none.supplementary_groups);
  cmd.work_dir = in.value("work_dir", none.work_dir);
  cmd.no_new_privileges = in.value("no_new_privileges", none.no_new_privileges);
  cmd.terminal = in.value("terminal", none.terminal);
  cmd.rows = in.value("rows", none.rows);
  cmd.columns = in.value("columns", none.columns);
  if (in.contains("capabilities")) cmd.capabilities = in.at("capabilities").get<Capabilities>();
}

// Members of the first schema; later ones are in AddMembers() and TakeMembers().
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(ContainerConfig, id, rootfs, cmd, mounts,
                                                annotations, oci_spec, bundle)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(SandboxConfig, id, hostname, vcpus, memory_bytes,
                                                dns, shm_size, annotations)

namespace {

// Thrown and caught in this file only.
struct BadRecord : std::exception {
  explicit BadRecord(Status why) : status(std::move(why)) {}
  Status status;
};

template <typename T>
T Take(Result<T> result) {
  if (!result.ok()) throw BadRecord(result.status());
  return std::move(result).value();
}

json FormatConfig(const ContainerConfig& config) {
  json out = config;
  AddMembers(config, out);
  return out;
}

json FormatConfig(const SandboxConfig& config) {
  json out = config;
  AddMembers(config, out);
  return out;
}

json FormatContainer(const ContainerRecord& container) {
  json out = {{"state", StateName(container.state)},
              {"created_unix_ns", container.created_unix_ns},
              {"started_unix_ns", container.started_unix_ns},
              {"shim_pid", container.shim_pid},
              {"rootfs", container.rootfs},
              {"share_entries", container.share_entries},
              {"args", container.args},
              {"terminal", container.terminal},
              {"config", FormatConfig(container.config)}};
  if (container.shim_start_ticks != 0) out["shim_start_ticks"] = container.shim_start_ticks;
  if (!container.execs.empty()) out["execs"] = container.execs;
  if (container.poststop_due) out["poststop_due"] = true;
  return out;
}

ContainerRecord ParseContainer(const json& in) {
  const ContainerRecord none;
  ContainerRecord out;
  out.state = Take(ParseState(in.at("state").get<std::string>()));
  out.created_unix_ns = in.value("created_unix_ns", none.created_unix_ns);
  out.started_unix_ns = in.value("started_unix_ns", none.started_unix_ns);
  out.shim_pid = in.value("shim_pid", none.shim_pid);
  out.shim_start_ticks = in.value("shim_start_ticks", none.shim_start_ticks);
  out.rootfs = in.value("rootfs", none.rootfs);
  out.share_entries = in.value("share_entries", none.share_entries);
  out.args = in.value("args", none.args);
  out.terminal = in.value("terminal", none.terminal);
  out.execs = in.value("execs", none.execs);
  out.poststop_due = in.value("poststop_due", none.poststop_due);
  out.config = in.at("config").get<ContainerConfig>();
  TakeMembers(in.at("config"), out.config);
  return out;
}

// Lists and names that most sandboxes do without.
void ParseAttached(const json& in, SandboxRecord& out) {
  const SandboxRecord none;
  out.devices = in.value("devices", none.devices);
  out.storages = in.value("storages", none.storages);
  out.interfaces = in.value("interfaces", none.interfaces);
  out.network = in.value("network", none.network);
  out.network_state = Take(FromHex(in.value("network_state_hex", std::string())));
  out.base_vcpus = in.value("base_vcpus", none.base_vcpus);
  out.base_memory_bytes = in.value("base_memory_bytes", none.base_memory_bytes);
  out.boot_vcpus = in.value("boot_vcpus", none.boot_vcpus);
  out.boot_memory_bytes = in.value("boot_memory_bytes", none.boot_memory_bytes);
  out.boot_devices = in.value("boot_devices", none.boot_devices);
}

void FormatAttached(const SandboxRecord& record, json& out) {
  if (!record.devices.empty()) out["devices"] = record.devices;
  if (!record.storages.empty()) out["storages"] = record.storages;
  if (!record.interfaces.empty()) out["interfaces"] = record.interfaces;
  if (!record.network.empty()) out["network"] = record.network;
  if (!record.host_cgroup.empty()) out["host_cgroup"] = record.host_cgroup;
  if (!record.network_state.empty()) out["network_state_hex"] = ToHex(record.network_state);
  if (record.base_vcpus != 0) out["base_vcpus"] = record.base_vcpus;
  if (record.base_memory_bytes != 0) out["base_memory_bytes"] = record.base_memory_bytes;
  if (record.boot_vcpus != 0) out["boot_vcpus"] = record.boot_vcpus;
  if (record.boot_memory_bytes != 0) out["boot_memory_bytes"] = record.boot_memory_bytes;
  if (!record.boot_devices.empty()) out["boot_devices"] = record.boot_devices;
}

SandboxRecord ParseSandbox(const json& in) {
  const SandboxRecord none;
  SandboxRecord out;
  out.id = in.at("id").get<std::string>();
  out.state = Take(ParseState(in.at("state").get<std::string>()));
  out.created_unix_ns = in.value("created_unix_ns", none.created_unix_ns);
  out.released = in.value("released", none.released);
  out.hypervisor = in.value("hypervisor", none.hypervisor);
  out.agent = in.value("agent", none.agent);
  out.proxy = in.value("proxy", none.proxy);
  out.factory = in.value("factory", none.factory);
  out.shim = in.value("shim", none.shim);
  out.vcpus = in.value("vcpus", none.vcpus);
  out.memory_bytes = in.value("memory_bytes", none.memory_bytes);
  out.boot = in.value("boot", none.boot);
  out.vm_state = Take(FromHex(in.value("vm_state_hex", std::string())));
  out.proxy_state = Take(FromHex(in.value("proxy_state_hex", std::string())));
  out.vm_processes = in.value("vm_processes", none.vm_processes);
  out.host_cgroup = in.value("host_cgroup", none.host_cgroup);
  out.config = in.at("config").get<SandboxConfig>();
  TakeMembers(in.at("config"), out.config);
  ParseAttached(in, out);
  const json& containers = in.at("containers");
  if (!containers.is_array()) throw BadRecord(InvalidArgument("its containers are no list"));
  for (const json& container : containers) {
    out.containers.push_back(ParseContainer(container));
  }
  return out;
}

json FormatSandbox(const SandboxRecord& record) {
  json containers = json::array();
  for (const auto& container : record.containers) containers.push_back(FormatContainer(container));
  json out = {{"schema", kRecordSchema},
              {"id", record.id},
              {"state", StateName(record.state)},
              {"created_unix_ns", record.created_unix_ns},
              {"released", record.released},
              {"hypervisor", record.hypervisor},
              {"agent", record.agent},
              {"proxy", record.proxy},
              {"factory", record.factory},
              {"shim", record.shim},
              {"vcpus", record.vcpus},
              {"memory_bytes", record.memory_bytes},
              {"boot", record.boot},
              {"vm_state_hex", ToHex(record.vm_state)},
              {"proxy_state_hex", ToHex(record.proxy_state)},
              {"vm_processes", record.vm_processes},
              {"config", FormatConfig(record.config)},
              {"containers", std::move(containers)}};
  FormatAttached(record, out);
  return out;
}

template <typename Items, typename IdOf>
auto FindIn(Items& items, const std::string& id, IdOf id_of) -> decltype(items.data()) {
  const auto it =
      std::find_if(items.begin(), items.end(), [&](const auto& item) { return id_of(item) == id; });
  return it == items.end() ? nullptr : &*it;
}

// ---- members of later versions -------------------------------------------------------

// All members that we write; an object without any is a map that holds what it likes.
json Shape() {
  SandboxRecord record;
  record.containers.emplace_back().config.cmd.capabilities = Capabilities{};
  record.containers.back().execs.emplace_back();
  record.containers.back().poststop_due = true;
  record.containers.back().shim_start_ticks = 1;
  record.host_cgroup = "x";
  Fill(record.containers.back().config);
  Fill(record.config);
  record.devices = {FullDevice()};
  record.storages = {FullStorage()};
  record.interfaces = {FullInterface()};
  record.network = record.network_state = "x";
  record.base_vcpus = 1;
  record.base_memory_bytes = 1;
  record.boot_vcpus = 1;
  record.boot_memory_bytes = 1;
  record.boot_devices = {"x"};
  return FormatSandbox(record);
}

// What `in` has beyond `shape`; null for nothing.
json Unknown(const json& in, const json& shape) {
  json out;
  for (const auto& [name, value] : in.items()) {
    const auto known = shape.find(name);
    if (known == shape.end()) {
      out[name] = value;
    } else if (known->is_object() && !known->empty() && value.is_object()) {
      if (json below = Unknown(value, *known); !below.is_null()) out[name] = std::move(below);
    }
  }
  return out;
}

std::string UnknownText(const json& in, const json& shape) {
  const json members = Unknown(in, shape);
  return members.is_null() ? std::string() : members.dump();
}

// The lists whose items keep what is unknown in them.
constexpr const char* kKeeping[] = {"containers", "devices", "storages", "interfaces"};
using Unknowns = std::map<std::string, std::vector<std::string>>;  // "": of the record

Unknowns TakeUnknowns(const json& in) {
  static const json shape = Shape();
  Unknowns out;
  out[""] = {UnknownText(in, shape)};
  for (const char* list : kKeeping) {
    const auto items = in.find(list);
    if (items == in.end()) continue;
    for (const json& item : *items) out[list].push_back(UnknownText(item, shape[list][0]));
  }
  return out;
}

template <typename Items>
void KeepUnknowns(std::vector<std::string>& from, Items& items) {
  for (std::size_t i = 0; i < items.size(); ++i) items[i].unknown = std::move(from[i]);
}

void GiveUnknown(const std::string& unknown, json& out) {
  if (!unknown.empty()) out.update(json::parse(unknown), true);
}

template <typename Items>
void GiveUnknowns(const Items& items, const char* list, json& out) {
  for (std::size_t i = 0; i < items.size(); ++i) GiveUnknown(items[i].unknown, out[list][i]);
}

// ---- text to document ------------------------------------------------------------------

Result<SandboxRecord> ParseText(std::string_view text) {
  SHOJI_RETURN_IF_ERROR(CheckDepth(text));
  json in = json::parse(text);
  SHOJI_ASSIGN_OR_RETURN(const int schema, UpgradeRecord(in));
  Unknowns unknowns = TakeUnknowns(in);
  // A string that needs decoding begins with NUL, which JSON can only write like this.
  if (text.find("\\u0000") != std::string_view::npos) {
    if (const Status decoded = DecodeStrings(in); !decoded.ok()) throw BadRecord(decoded);
  }
  SandboxRecord record = ParseSandbox(in);
  record.stored_schema = schema;
  record.unknown = std::move(unknowns[""][0]);
  KeepUnknowns(unknowns["containers"], record.containers);
  KeepUnknowns(unknowns["devices"], record.devices);
  KeepUnknowns(unknowns["storages"], record.storages);
  KeepUnknowns(unknowns["interfaces"], record.interfaces);
  return record;
}

}  // namespace

ContainerRecord* SandboxRecord::Find(const std::string& container_id) {
  return FindIn(containers, container_id, [](const auto& c) { return c.config.id; });
}
const ContainerRecord* SandboxRecord::Find(const std::string& container_id) const {
  return FindIn(containers, container_id, [](const auto& c) { return c.config.id; });
}
DeviceRecord* SandboxRecord::FindDevice(const std::string& device_id) {
  return FindIn(devices, device_id, [](const auto& d) { return d.info.id; });
}
const DeviceRecord* SandboxRecord::FindDevice(const std::string& device_id) const {
  return FindIn(devices, device_id, [](const auto& d) { return d.info.id; });
}
StorageRecord* SandboxRecord::FindStorage(const std::string& storage_id) {
  return FindIn(storages, storage_id, [](const auto& s) { return s.info.id; });
}
const StorageRecord* SandboxRecord::FindStorage(const std::string& storage_id) const {
  return FindIn(storages, storage_id, [](const auto& s) { return s.info.id; });
}

std::string FormatRecord(const SandboxRecord& record) {
  json out = FormatSandbox(record);
  EncodeStrings(out);
  // Afterwards: what is unknown stands as it was read.
  GiveUnknown(record.unknown, out);
  GiveUnknowns(record.containers, "containers", out);
  GiveUnknowns(record.devices, "devices", out);
  GiveUnknowns(record.storages, "storages", out);
  GiveUnknowns(record.interfaces, "interfaces", out);
  return out.dump();
}

Result<SandboxRecord> ParseRecord(std::string_view text) {
  try {
    return ParseText(text);
  } catch (const BadRecord& e) {
    return DataLoss("it is damaged: " + e.status.message());
  } catch (const std::exception& e) {
    return DataLoss(std::string("it is damaged: ") + e.what());
  }
}

}  // namespace shoji
