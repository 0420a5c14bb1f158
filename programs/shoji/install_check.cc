#include "install_check.h"

#include <unistd.h>

#include <cerrno>

#include "guest_files.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "table.h"

namespace shoji::cli {
namespace {

using enum CheckLevel;

CheckLine Plugin(Runtime& runtime, const std::string& kind, CheckLevel without) {
  const auto id = runtime.Option("sandbox." + kind);
  if (!id.ok()) return {kind, without, id.status().message(), "set sandbox." + kind};
  if (kind == "factory" && *id == "auto") return {"factory", kOk, "auto", ""};
  const Status loaded = runtime.LoadPlugin(kind, *id);
  if (loaded.ok()) return {kind + " plugin", kOk, *id + " loads", ""};
  return {kind + " plugin", without, loaded.message(),
          "see shoji plugin list, or set sandbox." + kind};
}

void RefusedPlugins(const Runtime& runtime, CheckLines& lines) {
  for (const PluginInfo& plugin : runtime.Plugins()) {
    if (plugin.status == "ok") continue;
    lines.push_back({"refused plugin", kWarning, plugin.path + ": " + plugin.reason,
                     "shoji plugin check " + plugin.path + ", or remove it"});
  }
}

std::string Named(const GuestFile& file) {
  return file.path + ", " + Mebibytes(static_cast<std::int64_t>(file.size)) + ", sha256 " +
         file.sha256;
}

CheckLine Guest(const GuestFile& file) {
  const std::string item = "guest " + file.what;
  if (!file.status.ok() && file.sha256.empty()) {
    return {item, kFailed, file.status.message(),
            "install Shoji's guest image, or set guest." + file.what};
  }
  // It may boot all the same.
  if (!file.status.ok()) return {item, kWarning, file.status.message(), "install it again"};
  if (!file.expected.empty()) return {item, kOk, Named(file) + " as in manifest.json", ""};
  return {item, kOk, Named(file) + ", in no manifest", ""};
}

// The nearest directory that is there: what is missing below it will be made.
std::string Existing(std::string path) {
  while (!path.empty() && !PathExists(path)) path.resize(path.rfind('/'));
  return path.empty() ? "/" : path;
}

CheckLine StateDir(const Runtime& runtime, const std::string& option, CheckLevel otherwise) {
  const std::string item = "directory " + option;
  const auto path = runtime.Option(option);
  if (!path.ok() || path->empty() || (*path)[0] != '/') {
    return {item, otherwise, "\"" + (path.ok() ? *path : "") + "\" is not an absolute path",
            "set " + option};
  }
  const std::string there = Existing(*path);
  if (access(there.c_str(), W_OK | X_OK) == 0) {
    return {item, kOk, *path + (there == *path ? " can be written" : " can be made"), ""};
  }
  return {item, otherwise, there + " cannot be written: " + ErrnoText(errno),
          "run as root, or set " + option};
}

CheckLevel LevelOf(const HypervisorReport& report, const HypervisorReport::Item& item) {
  if (item.ok) return item.advice.empty() ? kOk : kWarning;
  // The message says which of them keeps VMs from running.
  const bool reason = !report.can_run.ok() && !item.detail.empty() &&
                      report.can_run.message().find(item.detail) != std::string::npos;
  return reason ? kFailed : kWarning;
}

CheckLine Verdict(const HypervisorReport& report) {
  const std::string item = "hypervisor " + report.hypervisor;
  if (report.can_run.ok()) return {item, kOk, "can run VMs", ""};
  if (report.can_run.code() == StatusCode::kUnimplemented) {
    return {item, kWarning, "cannot tell whether VMs run", "try shoji run -- true"};
  }
  return {item, kFailed, report.can_run.message(),
          "do what the items above say, or set sandbox.hypervisor"};
}

}  // namespace

CheckLines CheckInstallation(Runtime& runtime) {
  CheckLines lines;
  for (const char* kind : {"hypervisor", "agent", "proxy", "shim", "factory", "store"}) {
    lines.push_back(Plugin(runtime, kind, kFailed));
  }
  lines.push_back(Plugin(runtime, "network", kWarning));
  RefusedPlugins(runtime, lines);
  for (const GuestFile& file : GuestFiles(runtime.GuestAssets())) lines.push_back(Guest(file));
  lines.push_back(StateDir(runtime, "root", kFailed));
  lines.push_back(StateDir(runtime, "state_dir", kWarning));
  lines.push_back(StateDir(runtime, "cache_dir", kWarning));
  return lines;
}

CheckLines CheckHypervisor(Runtime& runtime) {
  const auto report = runtime.CheckHypervisor();
  if (!report.ok()) {
    return {{"hypervisor", kFailed, report.status().message(), "see shoji plugin list"}};
  }
  CheckLines lines;
  for (const HypervisorReport::Item& item : report->items) {
    lines.push_back({item.item, LevelOf(*report, item), item.detail, item.advice});
  }
  lines.push_back(Verdict(*report));
  return lines;
}

}  // namespace shoji::cli
