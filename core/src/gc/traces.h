// What a sandbox has left on the host beside its record.
//
// Purpose  One look, before anything is removed, so that a dry run tells what a real one does.
// Threads  Safe, no state.
// Example  const Traces traces = Traces::Of(paths, {}, *MarkedProcesses());
#ifndef SHOJI_CORE_GC_TRACES_H_
#define SHOJI_CORE_GC_TRACES_H_

#include <map>
#include <string>
#include <vector>

#include "host/paths.h"
#include "metadata/record.h"
#include "shoji/status.h"

namespace shoji {

struct Traces {
  std::vector<ProcessId> processes;  // marked with the sandbox' directory
  std::vector<std::string> mounts;   // below it, the last mounted first
  std::vector<std::string> sockets;  // of the VM and the proxy
  std::string network;               // note of a network that is joined; empty: none
  std::string cgroup;                // on the host; empty: none

  using Marked = std::map<std::string, std::vector<ProcessId>>;
  // `cgroup`: the group that the record names, if there is one.
  static Traces Of(const SandboxPaths& paths, const std::string& cgroup, const Marked& marked);
};

// Control groups below `parent` of sandboxes of this root: sandbox -> group.
std::map<std::string, std::string> CgroupsBelow(const std::string& root, const std::string& parent);

// Removes a control group of the host and the file that remembers it.
Status RemoveHostCgroup(const std::string& group, const std::string& file);

}  // namespace shoji

#endif  // SHOJI_CORE_GC_TRACES_H_
