// shoji plugin check: whether a file would be loaded, without running any of its code.
#include <cstdio>

#include "command.h"
#include "exit_status.h"
#include "plugin_words.h"
#include "report.h"

namespace shoji::cli {
namespace {

int RunPluginCheck(const Invocation& invocation) {
  if (invocation.words.size() != 1) {
    return Fail(InvalidArgument("shoji plugin check takes one file"));
  }
  auto runtime = OpenRuntime(invocation);
  if (!runtime.ok()) return Fail(runtime.status());
  const PluginInfo plugin = (*runtime)->CheckPlugin(invocation.words[0]);
  if (invocation.json()) {
    puts(ToJson(plugin).c_str());
  } else {
    PrintPlugin(plugin);
  }
  return plugin.status == "ok" ? 0 : 1;
}

}  // namespace

const Command kPluginCheck = {
    "plugin check",        "FILE",         "Tell whether a plugin would be loaded; 1 if not.",
    DescribeFormat,        RunPluginCheck, false,
    CommandGroup::kPlugins};

}  // namespace shoji::cli
