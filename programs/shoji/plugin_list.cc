// shoji plugin list: every plugin file, also those that are refused.
#include <cstdio>

#include "command.h"
#include "exit_status.h"
#include "report.h"
#include "table.h"

namespace shoji::cli {
namespace {

int RunPluginList(const Invocation& invocation) {
  if (!invocation.words.empty()) return Fail(InvalidArgument("shoji plugin list takes no words"));
  auto runtime = OpenRuntime(invocation);
  if (!runtime.ok()) return Fail(runtime.status());
  const std::vector<PluginInfo> plugins = (*runtime)->Plugins();
  if (invocation.json()) {
    puts(ToJson(plugins).c_str());
    return 0;
  }
  std::vector<std::vector<std::string>> rows;
  for (const PluginInfo& p : plugins) {
    rows.push_back({p.kind.empty() ? "-" : p.kind, p.id.empty() ? "-" : p.id,
                    p.version.empty() ? "-" : p.version,
                    p.reason.empty() ? p.status : p.status + ": " + p.reason,
                    p.path.empty() ? "-" : p.path});
  }
  PrintTable({"KIND", "ID", "VERSION", "STATUS", "PATH"}, rows);
  return 0;
}

}  // namespace

const Command kPluginList = {"plugin list",
                             "",
                             "List the plugins, without loading them.",
                             DescribeFormat,
                             RunPluginList,
                             false,
                             CommandGroup::kPlugins};

}  // namespace shoji::cli
