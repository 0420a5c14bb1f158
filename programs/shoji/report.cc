#include "report.h"

#include <nlohmann/json.hpp>

#include "table.h"

namespace shoji::cli {
namespace {

using nlohmann::json;

json Of(const ContainerStatus& c) {
  return {{"id", c.id},
          {"sandbox_id", c.sandbox_id},
          {"state", StateName(c.state)},
          {"created", FormatTime(c.created_unix_ns)},
          {"started", FormatTime(c.started_unix_ns)},
          {"pid", c.shim_pid},
          {"rootfs", c.rootfs},
          {"bundle", c.bundle},
          {"args", c.args},
          {"annotations", c.annotations}};
}

json Of(const DeviceStatus& d) {
  const json address = json::parse(d.address, nullptr, false);
  return {{"id", d.info.id},
          {"kind", KindName(d.info.kind)},
          {"host_path", d.info.host_path},
          {"read_only", d.info.read_only},
          {"address", address.is_object() ? address : json::object()}};
}

json Of(const StorageStatus& s) {
  return {{"id", s.info.id},
          {"kind", KindName(s.info.kind)},
          {"source", s.info.source},
          {"read_only", s.info.read_only},
          {"guest_path", s.guest_path}};
}

json Of(const SandboxStatus& s);
json Of(const PluginInfo& p);

template <typename Item>
json ListOf(const std::vector<Item>& items) {
  json out = json::array();
  for (const Item& item : items) out.push_back(Of(item));
  return out;
}

json Of(const SandboxStatus& s) {
  return {{"id", s.id},
          {"state", StateName(s.state)},
          {"created", FormatTime(s.created_unix_ns)},
          {"hypervisor", s.hypervisor},
          {"agent", s.agent},
          {"proxy", s.proxy},
          {"factory", s.factory},
          {"vm_pids", s.vm_pids},
          {"vcpus", s.vcpus},
          {"memory_bytes", s.memory_bytes},
          {"owner_pid", s.owner_pid},
          {"released", s.released},
          {"containers", ListOf(s.containers)},
          {"devices", ListOf(s.devices)},
          {"storages", ListOf(s.storages)},
          {"network", s.network},
          {"netns", s.netns},
          {"annotations", s.annotations}};
}

// The values of secrets are not in it.
json Of(const PluginOption& o) {
  json out = {{"name", o.name},     {"type", o.type},         {"help", o.help},
              {"secret", o.secret}, {"required", o.required}, {"origin", o.origin}};
  if (!o.secret) {
    out["default"] = o.default_value;
    out["value"] = o.value;
  }
  return out;
}

json Of(const PluginInfo& p) {
  json interfaces = json::array();
  for (const PluginInterface& i : p.interfaces) {
    interfaces.push_back({{"id", i.id}, {"minor", i.minor}});
  }
  json options = json::array();
  for (const PluginOption& o : p.options) options.push_back(Of(o));
  json out = {{"id", p.id},
              {"kind", p.kind},
              {"version", p.version},
              {"vendor", p.vendor},
              {"licence", p.licence},
              {"sdk_version", p.sdk_version},
              {"abi_min", p.abi_min},
              {"abi_max", p.abi_max},
              {"path", p.path},
              {"trust", p.trust},
              {"status", p.status},
              {"interfaces", std::move(interfaces)},
              {"options", std::move(options)}};
  if (!p.reason.empty()) out["reason"] = p.reason;
  return out;
}

// Names and messages come from outside; a byte that is no UTF-8 must not end the program.
std::string Text(const json& value) {
  return value.dump(2, ' ', false, json::error_handler_t::replace);
}

}  // namespace

const char* KindName(DeviceInfo::Kind kind) {
  switch (kind) {
    case DeviceInfo::Kind::kBlock:
      return "block";
    case DeviceInfo::Kind::kVfio:
      return "vfio";
    case DeviceInfo::Kind::kVhostUser:
      return "vhost-user";
    case DeviceInfo::Kind::kVsock:
      break;
  }
  return "vsock";
}

const char* KindName(StorageInfo::Kind kind) {
  switch (kind) {
    case StorageInfo::Kind::kDirectory:
      return "directory";
    case StorageInfo::Kind::kBlock:
      return "block";
    case StorageInfo::Kind::kMemory:
      break;
  }
  return "memory";
}

std::string ToJson(const DeviceStatus& device) { return Text(Of(device)); }

std::string ToJson(const std::vector<DeviceStatus>& list) { return Text(ListOf(list)); }

std::string ToJson(const SandboxStatus& status) { return Text(Of(status)); }

std::string ToJson(const std::vector<SandboxStatus>& list) { return Text(ListOf(list)); }

std::string ToJson(const PluginInfo& plugin) { return Text(Of(plugin)); }

std::string ToJson(const std::vector<PluginInfo>& plugins) { return Text(ListOf(plugins)); }

std::string ToJson(const GarbageReport& report, bool dry_run) {
  json items = json::array();
  for (const GarbageReport::Item& i : report.items) {
    json item = {{"kind", i.kind}, {"name", i.name}, {"reason", i.reason}, {"removed", i.removed}};
    if (!i.error.empty()) item["error"] = i.error;
    items.push_back(std::move(item));
  }
  return Text({{"dry_run", dry_run}, {"items", std::move(items)}});
}

std::string OutcomeJson(const std::string& id, const std::string& state) {
  return Text({{"id", id}, {"state", state}});
}

}  // namespace shoji::cli
