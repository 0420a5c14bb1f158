// The control group of a sandbox on the host: the VMM's processes and ours for it.
//
// Purpose  One group below a parent that the operator or an engine chose, in every hierarchy of
//          the host: cgroup v2, the controllers of v1, or both. Limits are set on it by whoever
//          owns the parent.
// Names    <parent>/shoji-<8 digits of the root's path>-<sandbox>, so that several roots on one
//          host never take each other's groups for their garbage.
// Threads  Safe; groups are the kernel's.
// Errors   Name path and errno.
// Example
//     SHOJI_ASSIGN_OR_RETURN(const CgroupHost host, CgroupHost::Find());
//     const std::string group = CgroupName("/run/shoji", "/kubepods/pod7", "web");
//     SHOJI_RETURN_IF_ERROR(host.Make(group));
//     SHOJI_RETURN_IF_ERROR(host.Join(group, vmm_pid));
//     ...
//     SHOJI_RETURN_IF_ERROR(host.Remove(group));
#ifndef SHOJI_CORE_HOST_HOST_CGROUP_H_
#define SHOJI_CORE_HOST_HOST_CGROUP_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shoji/status.h"

namespace shoji {

// INVALID_ARGUMENT: not an absolute path below the mounts, or systemd's "slice:prefix:name".
Status ValidateCgroupParent(const std::string& parent);

std::string CgroupName(const std::string& root, const std::string& parent, const std::string& id);
// The sandbox of a group of this root; empty for any other group.
std::string SandboxOfCgroup(const std::string& root, const std::string& group);

// What a sandbox' directory says of its groups, for whoever finds it when its maker was killed.
struct CgroupNote {
  std::string group;
  std::string new_parent;  // that was made for it; empty: it was there

  std::string ToText() const;
  // Whatever the text is; what it does not say is empty.
  static CgroupNote Parse(std::string_view text);
};

class CgroupHost {
 public:
  struct Hierarchy {
    std::string mount;  // "/sys/fs/cgroup/memory"
    bool v2 = false;
    bool cpuset = false;  // v1 with processors and nodes that a new group has to be given
  };
  // From a text like /proc/self/mountinfo.
  static CgroupHost Parse(std::string_view mountinfo);
  static Result<CgroupHost> Find();

  const std::vector<Hierarchy>& hierarchies() const { return hierarchies_; }

  // In every hierarchy, with its parents; all or nothing. FAILED_PRECONDITION on a host
  // without cgroups.
  Status Make(const std::string& group) const;
  // Moves a process with all its threads. Success when it has ended.
  Status Join(const std::string& group, std::int32_t pid) const;
  // Kills what is left in it and removes it everywhere; success when it is not there.
  Status Remove(const std::string& group) const;
  // In the hierarchies where nothing is in it.
  void RemoveIfEmpty(const std::string& group) const;
  bool Exists(const std::string& group) const;
  // Names of the groups below `parent`, in any hierarchy.
  std::vector<std::string> Children(const std::string& parent) const;

 private:
  explicit CgroupHost(std::vector<Hierarchy> hierarchies) : hierarchies_(std::move(hierarchies)) {}
  std::vector<Hierarchy> hierarchies_;
};

}  // namespace shoji

#endif  // SHOJI_CORE_HOST_HOST_CGROUP_H_
