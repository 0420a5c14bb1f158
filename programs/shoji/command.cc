#include "command.h"

namespace shoji::cli {

const std::vector<Command>& AllCommands() {
  static const std::vector<Command> commands = {
      kRun,        kExec,       kList,        kStatus,        kStop,           kDelete,
      kPause,      kResume,     kPs,          kStats,         kEvents,         kUpdate,
      kSave,       kRestore,    kDeviceAdd,   kDeviceRemove,  kDeviceList,     kGc,
      kPluginList, kPluginInfo, kPluginCheck, kPluginNew,     kConfigDump,     kStoreCopy,
      kStoreCheck, kStoreDump,  kFactoryInit, kFactoryStatus, kFactoryDestroy, kFactoryServe};
  return commands;
}

RuntimeOptions RuntimeOptionsOf(const Invocation& invocation, RuntimeOptions extra) {
  if (!invocation.global.config_files.empty()) extra.config_files = invocation.global.config_files;
  extra.overrides = invocation.global.overrides;
  if (invocation.global.debug) extra.overrides.emplace_back("log.level", "debug");
  return extra;
}

Result<std::unique_ptr<Runtime>> OpenRuntime(const Invocation& invocation, RuntimeOptions extra) {
  return Runtime::Create(RuntimeOptionsOf(invocation, std::move(extra)));
}

Invocation WithFactory(Invocation invocation, const std::string& factory) {
  if (!factory.empty()) invocation.global.overrides.emplace_back("sandbox.factory", factory);
  return invocation;
}

void DescribeFormat(boost::program_options::options_description& options) {
  options.add_options()(
      "format",
      boost::program_options::value<std::string>()->default_value("table")->value_name("FORMAT"),
      "table or json");
}

Status CheckFormat(const Invocation& invocation) {
  const std::string format = invocation.Text("format");
  if (format.empty() || format == "table" || format == "json") return OkStatus();
  return InvalidArgument("--format \"" + format + "\" is not known; use table or json");
}

}  // namespace shoji::cli
