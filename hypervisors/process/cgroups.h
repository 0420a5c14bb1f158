// The cgroup (v2) that holds an agent and its containers together.
//
// Purpose  Freezes them all and counts what they use. Works without any controller. A machine
//          without cgroup v2 has none: then there is neither pause nor statistics.
// Threads  Safe.
// Example  const std::string dir = CgroupFor("web", "/run/shoji/sandboxes/web/vm");
#ifndef SHOJI_HYPERVISORS_PROCESS_CGROUPS_H_
#define SHOJI_HYPERVISORS_PROCESS_CGROUPS_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "shoji/base/deadline.h"
#include "shoji/status.h"

namespace shoji::process {

// Where cgroup v2 is mounted, by the text of a mountinfo; empty: nowhere as a whole.
std::string FindCgroup2(const std::string& mountinfo);
// The directory that is to be the cgroup of VM `id`, which has `run_dir` to itself; empty when
// the machine has no cgroup v2.
std::string CgroupFor(const std::string& id, const std::string& run_dir);

// Removes a cgroup and those below it, and their common parent if it is empty. Success when it
// is not there or `dir` is empty; FAILED_PRECONDITION when there are processes in it.
Status RemoveCgroup(const std::string& dir);
// Removes those of ours in which no process is left: of VMs that were killed together with
// everything that knew of them.
void SweepCgroups();

// Returns when it is so. UNAVAILABLE when the cgroup is gone.
Status FreezeCgroup(const std::string& dir, bool frozen, Deadline deadline, int cancel_fd);

struct CgroupUse {
  std::uint64_t cpu_ns = 0;
  std::uint64_t resident_bytes = 0;  // of all processes, what they share counted for each
  std::vector<pid_t> pids;
};
Result<CgroupUse> MeasureCgroup(const std::string& dir);

// CPU time of one process, and its resident memory.
Result<CgroupUse> MeasureProcess(pid_t pid);

}  // namespace shoji::process

#endif  // SHOJI_HYPERVISORS_PROCESS_CGROUPS_H_
