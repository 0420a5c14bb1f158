// Removes what killed processes left.
//
// Purpose  Works from three things only: the locks of the sandboxes (is somebody there?),
//          the records, and the marks of processes. A sandbox whose lock or owner lock is
//          held is never touched, so collectors and makers may run at the same time. The same
//          holds for what factories make in advance.
// Threads  One thread per object; several objects, also in several processes, are safe.
// Example  GarbageReport report = *GarbageCollector(context, dry_run).Run();
#ifndef SHOJI_CORE_GC_GARBAGE_H_
#define SHOJI_CORE_GC_GARBAGE_H_

#include <set>
#include <string>

#include "gc/traces.h"
#include "host/lock.h"
#include "host/paths.h"
#include "sandbox/context.h"
#include "shoji/status.h"
#include "shoji/types.h"

namespace shoji {

class GarbageCollector {
 public:
  GarbageCollector(Context& context, bool dry_run) : context_(context), dry_run_(dry_run) {}

  Result<GarbageReport> Run();

  // One directory without a record. OK also when somebody holds it.
  Status CollectLeftover(const std::string& id);

 private:
  // Both locks of a sandbox nobody holds.
  struct Hold {
    FileLock lock;
    FileLock owner;
  };
  Result<Hold> Take(const SandboxPaths& paths, const std::string& id);
  void CollectSandbox(const std::string& id, bool has_record);
  void CollectRecorded(const std::string& id, const SandboxPaths& paths,
                       const Result<SandboxRecord>& record);
  void EndRecorded(const SandboxRecord& record);
  static Traces Look(const SandboxPaths& paths, const std::string& cgroup);
  void CollectTraces(const SandboxPaths& paths, const Traces& traces, const std::string& reason);
  void CollectDirectory(const SandboxPaths& paths, const std::string& reason);
  void CollectHeld();
  void CollectHeldDirectory(const std::string& dir);
  void CollectBegun(const std::string& begun, const std::string& reason);
  void CollectStrayProcesses(const std::set<std::string>& ids);
  void CollectStrayCgroups(const std::set<std::string>& ids);
  void CollectIndex();
  Status DestroyVm(const SandboxRecord& record);
  // Adds an item and, unless this is a dry run, does the work.
  template <typename Work>
  void Report(const std::string& kind, const std::string& name, const std::string& reason,
              Work work);

  Context& context_;
  const bool dry_run_;
  GarbageReport report_;
};

}  // namespace shoji

#endif  // SHOJI_CORE_GC_GARBAGE_H_
