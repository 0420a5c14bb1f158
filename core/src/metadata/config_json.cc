#include "metadata/config_json.h"

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

namespace shoji {

using nlohmann::json;

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Hook, path, args, envs, timeout_s)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Hooks, prestart, poststart, poststop)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Assets, kernel, kernel_sha256, initrd,
                                                initrd_sha256, image, image_sha256, kernel_params)

namespace {

// One visit of all members serves writing and reading; a template for each direction.
class Writer {
 public:
  explicit Writer(json& out) : out_(out) { out_ = json::object(); }
  template <typename T>
  void operator()(const char* name, const T& value, const T& none = T()) {
    if (value != none) out_[name] = value;
  }
  template <typename T>
  void operator()(const char* name, const std::optional<T>& value) {
    if (value) out_[name] = *value;
  }

 private:
  json& out_;
};

class Reader {
 public:
  explicit Reader(const json& in) : in_(in) {}
  template <typename T>
  void operator()(const char* name, T& value, const T& none = T()) {
    value = in_.value(name, none);
  }
  template <typename T>
  void operator()(const char* name, std::optional<T>& value) {
    value.reset();
    if (const auto it = in_.find(name); it != in_.end()) value = it->template get<T>();
  }

 private:
  const json& in_;
};

template <typename Visit, typename T>
void VisitDiskLimits(Visit visit, T& limits) {
  visit("bytes_per_s", limits.bytes_per_s);
  visit("burst_bytes_per_s", limits.burst_bytes_per_s);
  visit("ops_per_s", limits.ops_per_s);
  visit("burst_ops_per_s", limits.burst_ops_per_s);
  visit("burst_ms", limits.burst_ms);
}

template <typename Visit, typename T>
void VisitDevice(Visit& visit, T& device) {
  const DeviceInfo none;
  visit("id", device.id);
  visit("host_path", device.host_path);
  visit("format", device.format, none.format);
  visit("read_only", device.read_only);
  visit("direct", device.direct);
  visit("no_flush", device.no_flush);
  visit("shared", device.shared);
  visit("scsi", device.scsi);
  visit("limits", device.limits);
  visit("vhost_type", device.vhost_type);
  visit("mac", device.mac);
  visit("tag", device.tag);
  visit("cid", device.cid);
}

template <typename Visit, typename T>
void VisitStorage(Visit& visit, T& storage) {
  const StorageInfo none;
  visit("id", storage.id);
  visit("source", storage.source);
  visit("fstype", storage.fstype, none.fstype);
  visit("format", storage.format, none.format);
  visit("read_only", storage.read_only);
  visit("options", storage.options);
  visit("size_bytes", storage.size_bytes);
  visit("limits", storage.limits);
}

template <typename Visit, typename T>
void VisitInterfaceLimits(Visit visit, T& limits) {
  visit("rx_bytes_per_s", limits.rx_bytes_per_s);
  visit("rx_burst_bytes", limits.rx_burst_bytes);
  visit("rx_peak_bytes_per_s", limits.rx_peak_bytes_per_s);
  visit("tx_bytes_per_s", limits.tx_bytes_per_s);
  visit("tx_burst_bytes", limits.tx_burst_bytes);
  visit("tx_peak_bytes_per_s", limits.tx_peak_bytes_per_s);
}

template <typename Visit, typename T>
void VisitInterface(Visit visit, T& interface) {
  visit("name", interface.name);
  visit("guest_name", interface.guest_name);
  visit("mac", interface.mac);
  visit("mtu", interface.mtu);
  visit("addresses", interface.addresses);
  visit("limits", interface.limits);
}

template <typename Visit, typename T>
void VisitNetwork(Visit visit, T& network) {
  visit("netns", network.netns);
  visit("model", network.model);
  visit("queues", network.queues, std::uint32_t{1});
  visit("limits", network.limits);
}

template <typename Visit, typename T>
void VisitResources(Visit visit, T& resources) {
  visit("cpu_shares", resources.cpu_shares);
  visit("cpu_quota_us", resources.cpu_quota_us);
  visit("cpu_period_us", resources.cpu_period_us);
  visit("cpuset_cpus", resources.cpuset_cpus);
  visit("cpuset_mems", resources.cpuset_mems);
  visit("memory_limit", resources.memory_limit);
  visit("memory_reservation", resources.memory_reservation);
  visit("memory_swap", resources.memory_swap);
  visit("pids_limit", resources.pids_limit);
  visit("oci_json", resources.oci_json);
}

// ---- kinds have names -------------------------------------------------------------------

constexpr std::pair<DeviceInfo::Kind, const char*> kDeviceKinds[] = {
    {DeviceInfo::Kind::kBlock, "block"},
    {DeviceInfo::Kind::kVfio, "vfio"},
    {DeviceInfo::Kind::kVhostUser, "vhost-user"},
    {DeviceInfo::Kind::kVsock, "vsock"}};
constexpr std::pair<StorageInfo::Kind, const char*> kStorageKinds[] = {
    {StorageInfo::Kind::kDirectory, "directory"},
    {StorageInfo::Kind::kBlock, "block"},
    {StorageInfo::Kind::kMemory, "memory"}};

template <typename Kinds, typename Kind>
void WriteKind(const Kinds& kinds, Kind kind, json& out) {
  for (const auto& [known, name] : kinds) {
    if (known == kind) out["kind"] = name;
  }
}

template <typename Kinds, typename Kind>
void ReadKind(const Kinds& kinds, const json& in, Kind& kind) {
  const auto text = in.at("kind").get<std::string>();
  for (const auto& [known, name] : kinds) {
    if (text != name) continue;
    kind = known;
    return;
  }
  throw std::invalid_argument("kind \"" + text + "\" is unknown");
}

}  // namespace

void to_json(json& out, const DiskLimits& limits) { VisitDiskLimits(Writer(out), limits); }
void from_json(const json& in, DiskLimits& limits) { VisitDiskLimits(Reader(in), limits); }

void to_json(json& out, const DeviceInfo& device) {
  Writer writer(out);
  VisitDevice(writer, device);
  WriteKind(kDeviceKinds, device.kind, out);
}
void from_json(const json& in, DeviceInfo& device) {
  Reader reader(in);
  VisitDevice(reader, device);
  ReadKind(kDeviceKinds, in, device.kind);
}

void to_json(json& out, const StorageInfo& storage) {
  Writer writer(out);
  VisitStorage(writer, storage);
  WriteKind(kStorageKinds, storage.kind, out);
}
void from_json(const json& in, StorageInfo& storage) {
  Reader reader(in);
  VisitStorage(reader, storage);
  ReadKind(kStorageKinds, in, storage.kind);
}

void to_json(json& out, const InterfaceLimits& limits) {
  VisitInterfaceLimits(Writer(out), limits);
}
void from_json(const json& in, InterfaceLimits& limits) {
  VisitInterfaceLimits(Reader(in), limits);
}

void to_json(json& out, const IpAddress& address) {
  out = {{"address", address.address}, {"prefix", address.prefix}};
}
void from_json(const json& in, IpAddress& address) {
  address.address = in.at("address").get<std::string>();
  address.prefix = in.at("prefix").get<std::uint32_t>();
}

void to_json(json& out, const InterfaceInfo& interface) { VisitInterface(Writer(out), interface); }
void from_json(const json& in, InterfaceInfo& interface) { VisitInterface(Reader(in), interface); }

void to_json(json& out, const NetworkConfig& network) { VisitNetwork(Writer(out), network); }
void from_json(const json& in, NetworkConfig& network) { VisitNetwork(Reader(in), network); }

void to_json(json& out, const Resources& resources) { VisitResources(Writer(out), resources); }
void from_json(const json& in, Resources& resources) { VisitResources(Reader(in), resources); }

void to_json(json& out, const ContainerDevice& device) {
  out = {{"device", device.device},
         {"container_path", device.container_path},
         {"permissions", device.permissions}};
}
void from_json(const json& in, ContainerDevice& device) {
  device.device = in.at("device").get<std::string>();
  device.container_path = in.at("container_path").get<std::string>();
  device.permissions = in.value("permissions", ContainerDevice().permissions);
}

void to_json(json& out, const DeviceRecord& device) {
  out = {{"info", device.info}, {"address", device.address}};
}
void from_json(const json& in, DeviceRecord& device) {
  device.info = in.at("info").get<DeviceInfo>();
  device.address = in.value("address", std::string());
}

void to_json(json& out, const StorageRecord& storage) {
  out = {{"info", storage.info},
         {"guest_path", storage.guest_path},
         {"device_id", storage.device_id},
         {"share_entry", storage.share_entry},
         {"with_containers", storage.with_containers}};
}
void from_json(const json& in, StorageRecord& storage) {
  storage.info = in.at("info").get<StorageInfo>();
  storage.guest_path = in.at("guest_path").get<std::string>();
  storage.device_id = in.value("device_id", std::string());
  storage.share_entry = in.value("share_entry", std::string());
  storage.with_containers = in.value("with_containers", false);
}

void to_json(json& out, const InterfaceRecord& interface) {
  out = {{"asked", interface.asked}, {"info", interface.info}, {"nic_id", interface.nic_id}};
}
void from_json(const json& in, InterfaceRecord& interface) {
  interface.asked = in.at("asked").get<InterfaceInfo>();
  interface.info = in.at("info").get<InterfaceInfo>();
  interface.nic_id = in.at("nic_id").get<std::string>();
}

void AddMembers(const ContainerConfig& config, json& out) {
  if (json hooks = config.hooks; hooks != json(Hooks())) out["hooks"] = std::move(hooks);
  if (!config.rootfs.storage.empty()) out["rootfs"]["storage"] = config.rootfs.storage;
  if (config.cmd.detach) out["cmd"]["detach"] = true;  // its console is for one shim only
  if (!config.devices.empty()) out["devices"] = config.devices;
  if (json resources = config.resources; !resources.empty()) {
    out["resources"] = std::move(resources);
  }
}
void TakeMembers(const json& in, ContainerConfig& config) {
  config.hooks = in.value("hooks", Hooks());
  if (const auto rootfs = in.find("rootfs"); rootfs != in.end()) {
    config.rootfs.storage = rootfs->value("storage", std::string());
  }
  if (const auto cmd = in.find("cmd"); cmd != in.end()) {
    config.cmd.detach = cmd->value("detach", false);
  }
  config.devices = in.value("devices", std::vector<ContainerDevice>());
  config.resources = in.value("resources", Resources());
}

void AddMembers(const SandboxConfig& config, json& out) {
  if (json network = config.network; !network.empty()) out["network"] = std::move(network);
  if (json assets = config.assets; assets != json(Assets())) out["assets"] = std::move(assets);
  if (!config.share) out["share"] = false;
  if (config.shared_pid_namespace) out["shared_pid_namespace"] = true;
  if (!config.guest_hook_path.empty()) out["guest_hook_path"] = config.guest_hook_path;
  if (!config.cgroup_parent.empty()) out["cgroup_parent"] = config.cgroup_parent;
}
void TakeMembers(const json& in, SandboxConfig& config) {
  config.network = in.value("network", NetworkConfig());
  config.assets = in.value("assets", Assets());
  config.share = in.value("share", true);
  config.shared_pid_namespace = in.value("shared_pid_namespace", false);
  config.guest_hook_path = in.value("guest_hook_path", std::string());
  config.cgroup_parent = in.value("cgroup_parent", std::string());
}

DeviceRecord FullDevice() {
  const DiskLimits limits{1, 1, 1, 1, 1};
  DeviceRecord out;
  out.info = {
      "x", DeviceInfo::Kind::kBlock, "x", "x", true, true, true, true, true, limits, "x", "x", "x",
      1};
  return out;
}
StorageRecord FullStorage() {
  StorageRecord out;
  const DiskLimits limits{1, 1, 1, 1, 1};
  out.info = {"x", StorageInfo::Kind::kBlock, "x", "x", "x", true, {"x"}, 1, limits};
  return out;
}
InterfaceRecord FullInterface() {
  const InterfaceInfo info{"x", "x", "x", 1, {{"x", 1}}, InterfaceLimits{1, 1, 1, 1, 1, 1}};
  return {info, info, "x", ""};
}
void Fill(ContainerConfig& config) {
  config.hooks.prestart.emplace_back();
  config.rootfs.storage = "x";
  config.cmd.detach = true;
  config.devices.emplace_back();
  config.resources = {1, 1, 1, "x", "x", 1, 1, 1, 1, "x"};
}
void Fill(SandboxConfig& config) {
  config.network = {"x", "x", 2, InterfaceLimits{1, 1, 1, 1, 1, 1}};
  config.assets.kernel = "x";
  config.share = false;
  config.shared_pid_namespace = true;
  config.guest_hook_path = config.cgroup_parent = "x";
}

}  // namespace shoji
