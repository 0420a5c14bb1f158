// What a sandbox has on the host beside its VM: a control group, and hooks that run there.
#include <unistd.h>

#include <set>

#include "gc/processes.h"
#include "gc/traces.h"
#include "host/host_cgroup.h"
#include "oci/spec.h"
#include "sandbox/container_hooks.h"
#include "sandbox/held.h"
#include "sandbox/object.h"
#include "shoji/base/file.h"

namespace shoji {

namespace {

// The end of a path, or of systemd's slice:prefix:name.
std::string LastName(const std::string& path) {
  const std::size_t at = path.find_last_of("/:");
  return at == std::string::npos ? path : path.substr(at + 1);
}

// Whether the parent is what linux.cgroupsPath of the sandbox' own container named: a group for
// that one alone, which goes with it.
bool ParentIsOurs(const SandboxRecord& record) {
  const std::string& parent = record.config.cgroup_parent;
  const ContainerRecord* const first = record.Find(record.id);
  if (parent.empty() || first == nullptr || first->config.oci_spec.empty()) return false;
  const auto summary = Inspect(first->config.oci_spec);
  if (!summary.ok() || summary->cgroups_path.empty()) return false;
  return LastName(parent).find(LastName(summary->cgroups_path)) != std::string::npos;
}

}  // namespace

Status SandboxObject::MakeCgroup(SandboxRecord& record, UndoStack& undo) {
  const std::string& own = record.config.cgroup_parent;
  const std::string& parent = own.empty() ? context_->settings().cgroup_parent : own;
  record.host_cgroup.clear();
  if (parent.empty()) return OkStatus();
  SHOJI_ASSIGN_OR_RETURN(const CgroupHost host, CgroupHost::Find());
  const std::string group = CgroupName(context_->settings().root, parent, id_);
  const bool new_parent = !own.empty() && !host.Exists(parent);
  // First, so that garbage collection finds the groups of a maker who was killed.
  const CgroupNote note{group, new_parent ? parent : std::string()};
  SHOJI_RETURN_IF_ERROR(WriteFileAtomic(paths_.cgroup, note.ToText()));
  undo.Push([host, group, parent, new_parent] {
    (void)host.Remove(group);
    if (new_parent) host.RemoveIfEmpty(parent);
  });
  SHOJI_RETURN_IF_ERROR(host.Make(group));
  record.host_cgroup = group;
  return OkStatus();
}

// By their marks: also helpers that the VM's plugin does not list. A process that was started just
// now may not show its mark yet, so those known by number are named too. Never the calling
// process, which may hold other sandboxes.
Status SandboxObject::JoinCgroup(const SandboxRecord& record, std::int32_t shim_pid) {
  if (record.host_cgroup.empty()) return OkStatus();
  SHOJI_ASSIGN_OR_RETURN(const CgroupHost host, CgroupHost::Find());
  SHOJI_ASSIGN_OR_RETURN(auto marked, MarkedProcesses());
  std::set<std::int32_t> pids;
  if (shim_pid > 0) pids.insert(shim_pid);
  for (const ProcessId& process : record.vm_processes) pids.insert(process.pid);
  for (const std::string& mark : MarksOf(paths_)) {
    for (const ProcessId& process : marked[mark]) pids.insert(process.pid);
  }
  pids.erase(getpid());
  for (const std::int32_t pid : pids) SHOJI_RETURN_IF_ERROR(host.Join(record.host_cgroup, pid));
  return OkStatus();
}

Status SandboxObject::RemoveCgroup(SandboxRecord& record) {
  if (record.host_cgroup.empty()) return OkStatus();
  SHOJI_RETURN_IF_ERROR(RemoveHostCgroup(record.host_cgroup, paths_.cgroup));
  record.host_cgroup.clear();
  if (!ParentIsOurs(record)) return OkStatus();
  SHOJI_ASSIGN_OR_RETURN(const CgroupHost host, CgroupHost::Find());
  host.RemoveIfEmpty(record.config.cgroup_parent);
  return OkStatus();
}

void SandboxObject::RunPoststop(const SandboxRecord& record, ContainerRecord& container) {
  if (!std::exchange(container.poststop_due, false)) return;
  const auto hooks = ContainerHooks::Of(*context_, record, container);
  if (hooks.ok()) hooks->Poststop();
}

}  // namespace shoji
