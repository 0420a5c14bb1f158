// shoji plugin info: all that is known of one plugin, without loading it.
#include <cstdio>

#include "command.h"
#include "exit_status.h"
#include "plugin_words.h"
#include "report.h"

namespace shoji::cli {
namespace {

int RunPluginInfo(const Invocation& invocation) {
  if (invocation.words.size() != 1) {
    return Fail(InvalidArgument("shoji plugin info takes one id, e.g. store/filesystem"));
  }
  auto runtime = OpenRuntime(invocation);
  if (!runtime.ok()) return Fail(runtime.status());
  const auto plugin = FindPlugin((*runtime)->Plugins(), invocation.words[0]);
  if (!plugin.ok()) return Fail(plugin.status());
  if (invocation.json()) {
    puts(ToJson(*plugin).c_str());
  } else {
    PrintPlugin(*plugin);
  }
  return 0;
}

}  // namespace

const Command kPluginInfo = {
    "plugin info",         "KIND/ID",     "Show all about one plugin and its options.",
    DescribeFormat,        RunPluginInfo, false,
    CommandGroup::kPlugins};

}  // namespace shoji::cli
