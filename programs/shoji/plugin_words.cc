#include "plugin_words.h"

#include <algorithm>
#include <cstdio>
#include <set>

#include "shoji/base/strings.h"
#include "table.h"

namespace shoji::cli {
namespace {

std::string NameOf(const PluginInfo& plugin) { return plugin.kind + "/" + plugin.id; }

bool Fits(const PluginInfo& plugin, const std::string& word) {
  return word == plugin.id || word == NameOf(plugin) || word == plugin.kind + "." + plugin.id;
}

std::string OrDash(const std::string& text) { return text.empty() ? "-" : text; }

std::string OnOneLine(const std::string& list) { return Join(Split(list, '\n'), ","); }

std::string InterfacesOf(const PluginInfo& plugin) {
  std::vector<std::string> texts;
  for (const PluginInterface& each : plugin.interfaces) {
    texts.push_back(each.id + " (minor " + std::to_string(each.minor) + ")");
  }
  return Join(texts, ", ");
}

std::string AbiOf(const PluginInfo& plugin) {
  if (plugin.abi_min == 0) return {};
  return std::to_string(plugin.abi_min) + " to " + std::to_string(plugin.abi_max);
}

void PrintOptions(const std::vector<PluginOption>& options) {
  std::vector<std::vector<std::string>> rows;
  for (const PluginOption& each : options) {
    rows.push_back({each.name, each.type, each.secret ? "(hidden)" : OrDash(OnOneLine(each.value)),
                    OrDash(each.origin),
                    each.secret ? "(hidden)" : OrDash(OnOneLine(each.default_value)),
                    each.help + (each.required ? " (required)" : "")});
  }
  PrintTable({"OPTION", "TYPE", "VALUE", "ORIGIN", "DEFAULT", "HELP"}, rows);
}

}  // namespace

Result<PluginInfo> FindPlugin(const std::vector<PluginInfo>& plugins, const std::string& word) {
  std::set<std::string> names;
  std::set<std::string> fitting;
  const PluginInfo* found = nullptr;
  for (const PluginInfo& plugin : plugins) {
    if (plugin.kind.empty()) continue;
    names.insert(NameOf(plugin));
    if (!Fits(plugin, word)) continue;
    fitting.insert(NameOf(plugin));
    if (found == nullptr || (found->status != "ok" && plugin.status == "ok")) found = &plugin;
  }
  const auto listed = [](const std::set<std::string>& set) {
    return Join({set.begin(), set.end()}, ", ");
  };
  if (fitting.size() == 1) return *found;
  if (fitting.empty()) {
    return NotFound("there is no plugin \"" + word + "\"; there are: " + listed(names));
  }
  return InvalidArgument("\"" + word + "\" may be one of: " + listed(fitting));
}

void PrintPlugin(const PluginInfo& plugin) {
  const std::vector<std::pair<std::string, std::string>> facts = {
      {"kind", plugin.kind},
      {"id", plugin.id},
      {"version", plugin.version},
      {"vendor", plugin.vendor},
      {"licence", plugin.licence},
      {"SDK", plugin.sdk_version},
      {"ABI", AbiOf(plugin)},
      {"interfaces", InterfacesOf(plugin)},
      {"file", plugin.path.empty() ? "in process" : plugin.path},
      {"trust", plugin.trust},
      {"status", plugin.status},
      {"reason", plugin.reason}};
  for (const auto& [name, value] : facts) {
    if (!value.empty()) printf("%-10s  %s\n", name.c_str(), value.c_str());
  }
  if (plugin.options.empty()) return;
  puts("");
  PrintOptions(plugin.options);
}

}  // namespace shoji::cli
