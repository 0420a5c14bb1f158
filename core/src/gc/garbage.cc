#include "gc/garbage.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <utility>

#include "gc/processes.h"
#include "gc/traces.h"
#include "host/mount.h"
#include "request/validate.h"
#include "sandbox/container_hooks.h"
#include "sandbox/held.h"
#include "sandbox/left_network.h"
#include "sandbox/object.h"
#include "shoji/base/file.h"

namespace shoji {
namespace {

constexpr auto kExecLimit = std::chrono::seconds(5);

// An engine removes a container's bundle last. When all are gone and nothing runs, its `delete` was
// killed, and nobody else will come.
bool IsForgotten(const SandboxRecord& record) {
  const auto forgotten = [&](const ContainerRecord& container) {
    const std::string& bundle = container.config.bundle;
    return !bundle.empty() && !PathExists(bundle) &&
           EffectiveState(record, container) == State::kStopped;
  };
  return !record.containers.empty() &&
         std::all_of(record.containers.begin(), record.containers.end(), forgotten);
}

// Why a recorded sandbox whose owner is gone is garbage; empty: it is none.
std::string Verdict(const Result<SandboxRecord>& record) {
  if (!record.ok()) return "its record is damaged and its owner is gone";
  if (!record->released) return "its owner is gone and it was not released";
  if (record->state != State::kStopped && !VmLives(*record)) {
    return "it was released and its VM is gone";
  }
  if (IsForgotten(*record)) return "its containers have stopped and their bundles are gone";
  return {};
}

// With what it took over of VMs that were made before it.
Status RemoveDirectory(const SandboxPaths& paths) {
  SHOJI_RETURN_IF_ERROR(RemoveHeld(paths));
  return RemoveTree(paths.dir);
}

bool LeadsNowhere(const std::string& path) {
  struct stat info = {};
  return lstat(path.c_str(), &info) == 0 && S_ISLNK(info.st_mode) &&
         stat(path.c_str(), &info) < 0 && errno != EACCES;
}

bool IsDirectory(const std::string& path) {
  struct stat info = {};
  return lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

// A process that is killed while it starts another leaves its locks to that one for the moment
// until its exec; nobody else holds the lock of a holder that is gone.
Result<FileLock> TakeUnlessHeld(const std::string& path, const std::string& what) {
  auto lock = FileLock::TryAcquire(path, LockMode::kExclusive, what);
  if (lock.ok() || lock.status().code() != StatusCode::kFailedPrecondition) return lock;
  SHOJI_ASSIGN_OR_RETURN(const pid_t holder, LockHolder(path));
  const bool alive = holder < 0 || (holder > 0 && (kill(holder, 0) == 0 || errno != ESRCH));
  if (alive) return lock;
  return FileLock::Acquire(path, LockMode::kExclusive, Deadline::After(kExecLimit), what);
}

constexpr std::string_view kUnfinished = ".new";

// What the maker of a template has begun elsewhere; its name says that it is not finished.
std::string BegunIn(const std::string& dir) {
  const auto text = ReadFile(dir + "/" + kBegunFile, 4096);
  if (!text.ok() || text->empty() || text->front() != '/') return {};
  return text->ends_with(kUnfinished) ? *text : std::string();
}

// What whoever makes it holds meanwhile.
std::string LockOfBegun(const std::string& begun) {
  return begun.substr(0, begun.size() - kUnfinished.size()) + ".lock";
}

}  // namespace

template <typename Work>
void GarbageCollector::Report(const std::string& kind, const std::string& name,
                              const std::string& reason, Work work) {
  GarbageReport::Item item;
  item.kind = kind;
  item.name = name;
  item.reason = reason;
  if (!dry_run_) {
    const Status done = work();
    item.removed = done.ok();
    item.error = done.message();
  }
  report_.items.push_back(std::move(item));
}

Result<GarbageReport> GarbageCollector::Run() {
  SHOJI_ASSIGN_OR_RETURN(Metadata* const metadata, context_.metadata());
  SHOJI_ASSIGN_OR_RETURN(const auto recorded, metadata->List());
  std::set<std::string> ids(recorded.begin(), recorded.end());
  const std::set<std::string> with_record = ids;
  const std::string dir = SandboxesDir(context_.settings().root);
  if (const auto names = ListDir(dir); names.ok()) ids.insert(names->begin(), names->end());
  for (const std::string& id : ids) {
    if (ValidateId("sandbox", id).ok()) CollectSandbox(id, with_record.count(id) > 0);
  }
  CollectHeld();
  CollectStrayProcesses(ids);
  CollectStrayCgroups(ids);
  CollectIndex();
  return std::move(report_);
}

Result<GarbageCollector::Hold> GarbageCollector::Take(const SandboxPaths& paths,
                                                      const std::string& id) {
  const std::string what = "sandbox \"" + id + "\"";
  Hold hold;
  SHOJI_ASSIGN_OR_RETURN(hold.lock, TakeUnlessHeld(paths.lock, what));
  SHOJI_ASSIGN_OR_RETURN(hold.owner, TakeUnlessHeld(paths.owner, what));
  return hold;
}

void GarbageCollector::CollectSandbox(const std::string& id, bool has_record) {
  const SandboxPaths paths(context_.settings().root, id);
  if (!IsDirectory(paths.dir)) {
    if (!has_record) return;
    const auto record = (*context_.metadata())->Load(id);
    const bool known = record.ok() || record.status().code() == StatusCode::kDataLoss;
    if (known && !Verdict(record).empty()) {
      Report("record", id, "its directory is gone", [&] {
        SHOJI_RETURN_IF_ERROR(KillProcessesOf(paths));
        return (*context_.metadata())->Remove(id);
      });
    }
    return;
  }
  const auto hold = Take(paths, id);
  if (!hold.ok()) return;  // somebody is there
  // Only now it is certain that nobody changes it.
  const auto record = (*context_.metadata())->Load(id);
  if (record.ok() || record.status().code() == StatusCode::kDataLoss) {
    CollectRecorded(id, paths, record);
  } else if (record.status().code() == StatusCode::kNotFound) {
    CollectDirectory(paths, "it has no record and nobody is making it");
  }
}

void GarbageCollector::CollectRecorded(const std::string& id, const SandboxPaths& paths,
                                       const Result<SandboxRecord>& record) {
  const std::string reason = Verdict(record);
  // Before anything is done, so that a dry run reports what a real one would.
  const Traces traces = Look(paths, record.ok() ? record->host_cgroup : std::string());
  if (reason.empty()) {
    // Stopped and kept; a start that was killed half way may have left its VM.
    if (record->state == State::kStopped) CollectTraces(paths, traces, "the sandbox is stopped");
    return;
  }
  Report("sandbox", id, reason, [&] {
    if (record.ok()) EndRecorded(*record);
    return OkStatus();
  });
  const std::size_t at = report_.items.size() - 1;
  CollectTraces(paths, traces, reason);
  Report("directory", paths.dir, reason, [&] { return RemoveDirectory(paths); });
  if (dry_run_) return;
  // A directory that could not be removed needs its record to be found the next time.
  if (PathExists(paths.dir)) {
    report_.items[at].removed = false;
    report_.items[at].error = "its directory " + paths.dir + " could not be removed";
    return;
  }
  const Status removed = (*context_.metadata())->Remove(id);
  report_.items[at].removed = removed.ok();
  report_.items[at].error = removed.message();
}

// What only the record knows of. Failures are warnings: the marks will find what is left.
void GarbageCollector::EndRecorded(const SandboxRecord& record) {
  if (const Status ended = DestroyVm(record); !ended.ok()) {
    context_.Log(LogLevel::kWarn, ended.message());
  }
  for (const ContainerRecord& container : record.containers) {
    if (!container.poststop_due) continue;
    const auto hooks = ContainerHooks::Of(context_, record, container);
    if (hooks.ok()) hooks->Poststop();
  }
}

Status GarbageCollector::DestroyVm(const SandboxRecord& record) {
  if (record.vm_state.empty()) return OkStatus();
  SHOJI_ASSIGN_OR_RETURN(Hypervisor* const hypervisor, context_.hypervisor(record.hypervisor));
  SHOJI_ASSIGN_OR_RETURN(auto attached, hypervisor->Attach(context_.call(), record.vm_state));
  return attached.vm->Destroy(context_.call());
}

Traces GarbageCollector::Look(const SandboxPaths& paths, const std::string& cgroup) {
  const auto marked = MarkedProcesses();
  return Traces::Of(paths, cgroup, marked.ok() ? *marked : Traces::Marked());
}

void GarbageCollector::CollectTraces(const SandboxPaths& paths, const Traces& traces,
                                     const std::string& reason) {
  for (const ProcessId& process : traces.processes) {
    Report("process", std::to_string(process.pid), reason, [&] { return KillProcessesOf(paths); });
  }
  if (!traces.network.empty()) {
    Report("network", traces.network, reason, [&] { return LeaveLeftNetwork(context_, paths); });
  }
  for (const std::string& mount : traces.mounts) {
    Report("mount", mount, reason, [&] { return UnmountBelow(paths.dir); });
  }
  for (const std::string& socket : traces.sockets) {
    Report("socket", socket, reason, [&] { return RemoveFile(socket); });
  }
  if (!traces.cgroup.empty()) {
    Report("cgroup", traces.cgroup, reason,
           [&] { return RemoveHostCgroup(traces.cgroup, paths.cgroup); });
  }
}

void GarbageCollector::CollectDirectory(const SandboxPaths& paths, const std::string& reason) {
  CollectTraces(paths, Look(paths, ""), reason);
  Report("directory", paths.dir, reason, [&] { return RemoveDirectory(paths); });
}

Status GarbageCollector::CollectLeftover(const std::string& id) {
  CollectSandbox(id, false);
  for (const auto& item : report_.items) {
    if (!item.removed) {
      return FailedPrecondition("cannot remove what is left of an earlier sandbox \"" + id +
                                "\": " + item.error);
    }
  }
  return OkStatus();
}

void GarbageCollector::CollectHeld() {
  const std::string all = HeldDir(context_.settings().root);
  const auto names = ListDir(all);
  for (const std::string& name : names.ok() ? *names : std::vector<std::string>()) {
    const std::string dir = all + "/" + name;
    if (IsDirectory(dir)) CollectHeldDirectory(dir);
    if (LeadsNowhere(dir)) {  // to a sandbox that had taken it over
      Report("link", dir, "its sandbox is gone", [&] { return RemoveFile(dir); });
    }
  }
}

// What a factory made in advance, whose maker is gone.
void GarbageCollector::CollectHeldDirectory(const std::string& dir) {
  const auto lock = FileLock::TryAcquire(dir + "/owner", LockMode::kExclusive, dir);
  if (!lock.ok() || !IsDirectory(dir)) return;  // somebody is there, or a sandbox took it over
  const std::string reason = "who made it in advance is gone";
  const auto marked = MarkedProcesses();
  const auto found = marked.ok() ? marked->find(dir) : Traces::Marked::const_iterator();
  if (marked.ok() && found != marked->end()) {
    for (const ProcessId& process : found->second) {
      Report("process", std::to_string(process.pid), reason,
             [&] { return KillMarkedProcesses(dir); });
    }
  }
  const auto mounts = MountsBelow(dir);
  for (const std::string& mount : mounts.ok() ? *mounts : std::vector<std::string>()) {
    Report("mount", mount, reason, [&] { return UnmountBelow(dir); });
  }
  if (const std::string begun = BegunIn(dir); !begun.empty()) CollectBegun(begun, reason);
  Report("directory", dir, reason, [&] { return RemoveTree(dir); });
}

// Unless another one makes the same again.
void GarbageCollector::CollectBegun(const std::string& begun, const std::string& reason) {
  const std::string path = LockOfBegun(begun);
  const bool left_lock = PathExists(path);
  if (!left_lock && !IsDirectory(begun)) return;
  const auto lock = FileLock::TryAcquire(path, LockMode::kExclusive, begun);
  if (!lock.ok()) return;
  if (IsDirectory(begun)) {
    Report("directory", begun, reason, [&] { return RemoveTree(begun); });
  }
  if (!dry_run_ || !left_lock) (void)RemoveFile(path);
}

// Marked with a directory of ours that is no more, whatever became of it.
void GarbageCollector::CollectStrayProcesses(const std::set<std::string>& ids) {
  const auto marked = MarkedProcesses();
  if (!marked.ok()) return;
  const std::string prefix = SandboxesDir(context_.settings().root) + "/";
  const std::string held = HeldDir(context_.settings().root) + "/";
  for (const auto& [dir, processes] : *marked) {
    const bool of_factory = dir.rfind(held, 0) == 0;
    const bool of_sandbox = dir.rfind(prefix, 0) == 0 && ids.count(dir.substr(prefix.size())) == 0;
    if (!of_factory && !of_sandbox) continue;
    if (PathExists(dir)) continue;  // made since we began
    for (const ProcessId& process : processes) {
      Report("process", std::to_string(process.pid),
             of_factory ? "who made it in advance is gone" : "its sandbox is gone",
             [&, path = dir] { return KillMarkedProcesses(path); });
    }
  }
}

void GarbageCollector::CollectStrayCgroups(const std::set<std::string>& ids) {
  const Settings& settings = context_.settings();
  for (const auto& [id, group] : CgroupsBelow(settings.root, settings.cgroup_parent)) {
    const SandboxPaths paths(settings.root, id);
    if (ids.count(id) > 0 || PathExists(paths.dir)) continue;
    Report("cgroup", group, "its sandbox is gone",
           [&, name = group] { return RemoveHostCgroup(name, paths.cgroup); });
  }
}

void GarbageCollector::CollectIndex() {
  Metadata* const metadata = *context_.metadata();
  const auto stale = metadata->StaleIndex();
  if (!stale.ok()) return;
  for (const auto& [container, sandbox] : *stale) {
    Report("record", container, "its sandbox \"" + sandbox + "\" does not have it",
           [&, id = container] { return metadata->RemoveStale(id); });
  }
}

}  // namespace shoji
