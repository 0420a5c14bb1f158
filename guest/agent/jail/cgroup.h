// The cgroup (v2) of one container.
//
// Purpose  Keeps a container's processes together: to count, limit, freeze and kill them.
// Threads  One at a time.
// Needs    Linux 5.14 (cgroup.kill).
// Example
//     SHOJI_ASSIGN_OR_RETURN(Cgroup group, Cgroup::Create("/sys/fs/cgroup", "pod1/web"));
//     clone3 with CLONE_INTO_CGROUP and group.fd(); ... group.Kill(); group.Remove();
#ifndef SHOJI_GUEST_AGENT_JAIL_CGROUP_H_
#define SHOJI_GUEST_AGENT_JAIL_CGROUP_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::jail {

class Cgroup {
 public:
  // Makes `path` below `root` and enables the controllers the parents have. A group that
  // is there, empty, is taken over; one that is in use is ALREADY_EXISTS.
  static Result<Cgroup> Create(const std::string& root, const std::string& path);

  Cgroup(Cgroup&&) noexcept = default;
  Cgroup& operator=(Cgroup&&) noexcept = default;
  ~Cgroup();  // removes what Remove() did not, when it is empty

  int fd() const { return fd_.get(); }
  const std::string& path() const { return dir_; }

  // Writes one of the group's files. A file that is not there belongs to a controller the
  // kernel does not offer: FAILED_PRECONDITION.
  Status Write(const std::string& file, const std::string& value) const;
  // Whether that file is there, if need be after its controller was enabled.
  bool Has(const std::string& file) const;
  // Whether the kernel has the controller.
  bool Offers(const std::string& controller) const;

  // Every process in it and in the groups below.
  Result<std::vector<pid_t>> Pids() const;
  Status Kill() const;               // SIGKILL to all at once
  Status Freeze(bool frozen) const;  // returns when it is so

  // Removes it, and the parents this object made, when nothing is left in them. Waits a
  // moment for dying processes; FAILED_PRECONDITION when some remain. Idempotent.
  Status Remove();

 private:
  Cgroup() = default;

  Status MakeAll(const std::string& root, const std::string& path);
  void EnableAlways() const;
  void Enable(const std::string& controller) const;
  bool WaitFor(const std::string& event) const;

  std::string dir_;
  std::string offered_;             // controllers of the kernel
  std::vector<std::string> above_;  // from the root to the parent
  std::vector<std::string> made_;   // directories made here, outermost first
  UniqueFd fd_;
};

// A path below the root made of what the specification or the caller says: no "..", no
// empty parts, nothing that could leave the root.
std::string CgroupPathOf(const std::string& cgroups_path, const std::string& id);

}  // namespace shoji::jail

#endif  // SHOJI_GUEST_AGENT_JAIL_CGROUP_H_
