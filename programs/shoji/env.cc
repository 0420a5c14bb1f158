// shoji env: versions, files and settings in force, for people and for reports of faults.
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "command.h"
#include "exit_status.h"
#include "guest_files.h"
#include "host_facts.h"
#include "shoji/base/file.h"
#include "table.h"

namespace shoji::cli {
namespace {

using json = nlohmann::ordered_json;

// The shape of the JSON; the second number grows when a member is added.
constexpr const char* kFormat = "1.0";

// Files and other places that some value comes from.
json OriginsOf(const std::vector<OptionInfo>& options) {
  std::vector<std::string> origins;
  for (const OptionInfo& option : options) {
    if (!option.set) continue;
    std::string place = option.origin;
    if (place[0] == '/') place.resize(std::min(place.rfind(':'), place.size()));
    if (std::find(origins.begin(), origins.end(), place) == origins.end()) {
      origins.push_back(std::move(place));
    }
  }
  return origins;
}

std::string Value(const Runtime& runtime, const std::string& option) {
  const auto value = runtime.Option(option);
  return value.ok() ? *value : std::string();
}

json RuntimeFacts(const Runtime& runtime) {
  const auto path = ExecutablePath();
  return {{"version", ApiVersion()},
          {"path", path.ok() ? *path : std::string()},
          {"configuration", OriginsOf(runtime.Options())},
          {"root", Value(runtime, "root")},
          {"state_dir", Value(runtime, "state_dir")},
          {"cache_dir", Value(runtime, "cache_dir")},
          {"log_level", Value(runtime, "log.level")}};
}

// The plugin of a kind that is in force.
json PluginFacts(const Runtime& runtime, const std::string& kind) {
  const std::string id = Value(runtime, "sandbox." + kind);
  for (const PluginInfo& plugin : runtime.Plugins()) {
    if (plugin.kind != kind || plugin.id != id) continue;
    json out = {{"id", id},
                {"version", plugin.version},
                {"vendor", plugin.vendor},
                {"path", plugin.path},
                {"status", plugin.status}};
    if (!plugin.reason.empty()) out["reason"] = plugin.reason;
    return out;
  }
  return {{"id", id}, {"status", id == "auto" ? "chosen for each sandbox" : "missing"}};
}

// What the plugin says of itself and of this machine, item by item.
json HypervisorFacts(Runtime& runtime) {
  json out = PluginFacts(runtime, "hypervisor");
  const auto report = runtime.CheckHypervisor();
  out["can_run"] = report.ok() && report->can_run.ok();
  if (!report.ok()) {
    out["error"] = report.status().message();
    return out;
  }
  if (!report->can_run.ok()) out["error"] = report->can_run.message();
  for (const HypervisorReport::Item& item : report->items) out["details"][item.item] = item.detail;
  return out;
}

json GuestFacts(const Runtime& runtime) {
  const Assets assets = runtime.GuestAssets();
  json out = json::object();
  for (const GuestFile& file : GuestFiles(assets)) {
    json one = {{"path", file.path}, {"size_bytes", file.size}, {"sha256", file.sha256}};
    if (!file.status.ok()) one["error"] = file.status.message();
    out[file.what] = std::move(one);
  }
  out["kernel_params"] = assets.kernel_params;
  const GuestManifest manifest = ReadGuestManifest(assets);
  out["manifest"] = {{"path", manifest.path},
                     {"build_id", manifest.build_id},
                     {"kernel_release", manifest.kernel_release}};
  out["agent_sha256"] = manifest.agent_sha256;
  return out;
}

json HostOf(const HostFacts& facts) {
  return {{"kernel", facts.kernel},
          {"architecture", facts.architecture},
          {"distribution", facts.distribution},
          {"cpu",
           {{"vendor", facts.cpu_vendor},
            {"model", facts.cpu_model},
            {"count", facts.cpus},
            {"virtualizes", facts.cpu_virtualizes}}},
          {"memory_bytes", facts.memory_bytes},
          {"cgroups", facts.cgroups}};
}

json FactsOf(Runtime& runtime) {
  json out = {{"format", kFormat}, {"runtime", RuntimeFacts(runtime)}};
  out["hypervisor"] = HypervisorFacts(runtime);
  out["guest"] = GuestFacts(runtime);
  for (const char* kind : {"proxy", "shim", "agent", "factory", "store", "network"}) {
    out[kind] = PluginFacts(runtime, kind);
  }
  out["host"] = HostOf(ReadHostFacts(""));
  return out;
}

std::string TextOf(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

// {"host": {"cpu": {"count": 2}}} is the row "host.cpu.count", "2".
void AddRows(const std::string& name, const json& value,
             std::vector<std::vector<std::string>>& rows) {
  if (!value.is_object()) {
    rows.push_back({name, TextOf(value)});
    return;
  }
  for (const auto& [key, member] : value.items()) {
    AddRows(name.empty() ? key : name + "." + key, member, rows);
  }
}

int RunEnv(const Invocation& invocation) {
  if (!invocation.words.empty()) return Fail(InvalidArgument("shoji env takes no words"));
  auto runtime = OpenRuntime(invocation);
  if (!runtime.ok()) return Fail(runtime.status());
  const json facts = FactsOf(**runtime);
  if (invocation.json()) {
    puts(facts.dump(2, ' ', false, json::error_handler_t::replace).c_str());
    return 0;
  }
  std::vector<std::vector<std::string>> rows;
  AddRows("", facts, rows);
  PrintTable({"NAME", "VALUE"}, rows);
  return 0;
}

}  // namespace

const Command kEnv = {"env",
                      "",
                      "Show versions, files and settings in force.",
                      DescribeFormat,
                      RunEnv,
                      false,
                      CommandGroup::kMachine};

}  // namespace shoji::cli
