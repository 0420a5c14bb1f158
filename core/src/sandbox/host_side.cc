// What a sandbox has on the host beside its VM: a control group, and hooks that run there.
#include <unistd.h>

#include <set>

#include "gc/processes.h"
#include "sandbox/container_hooks.h"
#include "sandbox/held.h"
#include "sandbox/host_cgroup.h"
#include "sandbox/object.h"
#include "shoji/base/file.h"

namespace shoji {

Status SandboxObject::MakeCgroup(SandboxRecord& record, UndoStack& undo) {
  const std::string& own = record.config.cgroup_parent;
  const std::string& parent = own.empty() ? context_->settings().cgroup_parent : own;
  record.host_cgroup.clear();
  if (parent.empty()) return OkStatus();
  SHOJI_ASSIGN_OR_RETURN(const CgroupHost host, CgroupHost::Find());
  const std::string group = CgroupName(context_->settings().root, parent, id_);
  // First, so that garbage collection finds a group whose maker was killed.
  SHOJI_RETURN_IF_ERROR(WriteFileAtomic(paths_.cgroup, group));
  undo.Push([host, group] { (void)host.Remove(group); });
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
  SHOJI_ASSIGN_OR_RETURN(const CgroupHost host, CgroupHost::Find());
  SHOJI_RETURN_IF_ERROR(host.Remove(record.host_cgroup));
  record.host_cgroup.clear();
  return RemoveFile(paths_.cgroup);
}

void SandboxObject::RunPoststop(const SandboxRecord& record, ContainerRecord& container) {
  if (!std::exchange(container.poststop_due, false)) return;
  const auto hooks = ContainerHooks::Of(*context_, record, container);
  if (hooks.ok()) hooks->Poststop();
}

}  // namespace shoji
