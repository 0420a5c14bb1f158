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

json Of(const SandboxStatus& s) {
  json containers = json::array();
  for (const ContainerStatus& c : s.containers) containers.push_back(Of(c));
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
          {"containers", std::move(containers)},
          {"annotations", s.annotations}};
}

// Names and messages come from outside; a byte that is no UTF-8 must not end the program.
std::string Text(const json& value) {
  return value.dump(2, ' ', false, json::error_handler_t::replace);
}

}  // namespace

std::string ToJson(const SandboxStatus& status) { return Text(Of(status)); }

std::string ToJson(const std::vector<SandboxStatus>& list) {
  json out = json::array();
  for (const SandboxStatus& s : list) out.push_back(Of(s));
  return Text(out);
}

std::string ToJson(const std::vector<PluginInfo>& plugins) {
  json out = json::array();
  for (const PluginInfo& p : plugins) {
    json item = {{"id", p.id},           {"kind", p.kind},
                 {"version", p.version}, {"vendor", p.vendor},
                 {"licence", p.licence}, {"path", p.path},
                 {"status", p.status},   {"interfaces", p.interfaces}};
    if (!p.reason.empty()) item["reason"] = p.reason;
    out.push_back(std::move(item));
  }
  return Text(out);
}

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
