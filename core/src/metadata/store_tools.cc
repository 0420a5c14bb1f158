// Opens the stores that are named, and holds the locks while the work is done.
#include "shoji/store_tools.h"

#include <chrono>
#include <memory>
#include <thread>

#include "host/lock.h"
#include "host/paths.h"
#include "metadata/inventory.h"
#include "metadata/keys.h"
#include "metadata/mark.h"
#include "metadata/store_check.h"
#include "metadata/store_copy.h"
#include "metadata/store_dump.h"
#include "request/validate.h"
#include "sandbox/host_plugins.h"
#include "shoji/base/file.h"

namespace shoji {
namespace {

constexpr auto kBusyPause = std::chrono::milliseconds(20);

struct OpenPlace {
  std::unique_ptr<HostPlugins> plugins;
  std::unique_ptr<Store> store;  // before its plugins in destruction
  std::string id;
  std::string name;

  std::vector<std::pair<std::string, std::string>> Values() const {
    return plugins->config().Section("store." + id);
  }
  StoreCopier::Side side() const { return {*store, name}; }
};

bool IsSecret(const Config& config, const std::string& option) {
  for (const OptionSpec& spec : config.specs()) {
    if (spec.name == option) return spec.secret;
  }
  return true;
}

// The plugin with what was given for it, but no secret: names are written into marks.
std::string NameOf(const Config& config, const std::string& id,
                   const std::vector<std::pair<std::string, std::string>>& options) {
  std::string shown;
  for (const auto& [name, value] : options) {
    if (IsSecret(config, "store." + id + "." + name)) continue;
    shown += (shown.empty() ? "" : ", ") + name + " = " + value;
  }
  return "store " + id + (shown.empty() ? "" : " (" + shown + ")");
}

Result<OpenPlace> Open(const RuntimeOptions& options, const StorePlace& place) {
  OpenPlace out;
  out.id = place.id;
  if (out.id.empty() || place.options.empty()) {
    SHOJI_ASSIGN_OR_RETURN(out.plugins, HostPlugins::Load(options));
    if (out.id.empty()) out.id = out.plugins->settings().store;
  }
  if (!place.options.empty()) {
    RuntimeOptions own = options;
    for (const auto& [name, value] : place.options) {
      own.overrides.emplace_back("store." + out.id + "." + name, value);
    }
    SHOJI_ASSIGN_OR_RETURN(out.plugins, HostPlugins::Load(own));
  }
  out.name = NameOf(out.plugins->config(), out.id, place.options);
  SHOJI_RETURN_IF_ERROR(MakeDirs(out.plugins->settings().root, 0711));
  SHOJI_ASSIGN_OR_RETURN(out.store, out.plugins->OpenStore(out.id));
  return out;
}

Result<FileLock> LockIndex(const Settings& settings) {
  return FileLock::Acquire(settings.root + "/index.lock", LockMode::kExclusive,
                           Deadline::After(kStoreLimit), "the container index");
}

std::string ProcessText(pid_t pid) {
  return pid > 0 ? "process " + std::to_string(pid) : "another process";
}

// A sandbox whose lock is held, with what LockHolder() says; 0 for none.
Result<std::pair<std::string, pid_t>> BusySandbox(const Settings& settings) {
  const auto ids = ListDir(SandboxesDir(settings.root));
  if (!ids.ok()) return std::pair<std::string, pid_t>{"", 0};
  for (const std::string& id : *ids) {
    SHOJI_ASSIGN_OR_RETURN(const pid_t pid, LockHolder(SandboxPaths(settings.root, id).lock));
    if (pid != 0) return std::pair<std::string, pid_t>{id, pid};
  }
  return std::pair<std::string, pid_t>{"", 0};
}

// The index lock at a moment when no sandbox is being changed. Whoever changes one takes
// the sandbox's lock first and the index lock when it saves, so we may not wait holding it.
Result<FileLock> LockQuietIndex(const Settings& settings) {
  const Deadline limit = Deadline::After(settings.lock_limit);
  for (;;) {
    SHOJI_ASSIGN_OR_RETURN(FileLock lock, LockIndex(settings));
    SHOJI_ASSIGN_OR_RETURN(const auto busy, BusySandbox(settings));
    if (busy.second == 0) return lock;
    if (limit.passed()) {
      return DeadlineExceeded("sandbox \"" + busy.first + "\" is being changed by " +
                              ProcessText(busy.second) + "; try again when it has ended");
    }
    lock.Release();
    std::this_thread::sleep_for(kBusyPause);
  }
}

std::vector<std::string> OwnerWarnings(const Settings& settings, const std::string& from) {
  std::vector<std::string> out;
  const auto ids = ListDir(SandboxesDir(settings.root));
  if (!ids.ok()) return out;
  for (const std::string& id : *ids) {
    const auto pid = LockHolder(SandboxPaths(settings.root, id).owner);
    if (!pid.ok() || *pid == 0) continue;
    out.push_back("sandbox \"" + id + "\" belongs to " + ProcessText(*pid) +
                  ", which goes on using " + from +
                  "; copy again with --replace when it has ended");
  }
  return out;
}

}  // namespace

Result<StoreCopyReport> CopyStore(const RuntimeOptions& options, const StorePlace& from,
                                  const StorePlace& to, StoreCopyMode mode) {
  SHOJI_ASSIGN_OR_RETURN(const OpenPlace source, Open(options, from));
  SHOJI_ASSIGN_OR_RETURN(const OpenPlace target, Open(options, to));
  if (source.id == target.id && source.Values() == target.Values()) {
    return InvalidArgument(source.name +
                           " cannot be copied to itself; give --to-option to name "
                           "another place");
  }
  const Settings& settings = source.plugins->settings();
  SHOJI_ASSIGN_OR_RETURN(const FileLock lock, LockQuietIndex(settings));
  auto report = StoreCopier(source.side(), target.side(), mode).Run();
  if (report.ok()) report->warnings = OwnerWarnings(settings, source.name);
  return report;
}

Result<StoreCheckReport> CheckStore(const RuntimeOptions& options, const StorePlace& place,
                                    bool repair) {
  SHOJI_ASSIGN_OR_RETURN(const OpenPlace opened, Open(options, place));
  SHOJI_ASSIGN_OR_RETURN(const FileLock lock, LockIndex(opened.plugins->settings()));
  auto report = StoreChecker(*opened.store, repair).Run();
  if (report.ok()) report->store = opened.name;
  return report;
}

Status DumpStore(const RuntimeOptions& options, const StorePlace& place, const std::string& prefix,
                 bool secrets, const std::function<Status(const StoreEntry&)>& visit) {
  SHOJI_ASSIGN_OR_RETURN(const OpenPlace opened, Open(options, place));
  SHOJI_ASSIGN_OR_RETURN(const auto keys, KeysOf(*opened.store, prefix));
  for (const std::string& key : keys) {
    const auto value = opened.store->Load(StoreCall(), key);
    if (!value.ok() && value.status().code() == StatusCode::kNotFound) continue;  // since removed
    StoreEntry entry;
    entry.key = key;
    entry.problem = value.status().message();
    SHOJI_RETURN_IF_ERROR(visit(value.ok() ? DumpEntry(key, *value, secrets) : entry));
  }
  return OkStatus();
}

}  // namespace shoji
