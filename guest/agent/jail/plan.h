// What a specification asks for, checked and in the kernel's terms.
//
// Purpose  Everything that can be refused without touching the system is refused here, in
//          the agent, with the field's name; the child then only carries out.
// Threads  Values.
// Example  SHOJI_ASSIGN_OR_RETURN(Plan plan, MakePlan(id, spec, environment));
#ifndef SHOJI_GUEST_AGENT_JAIL_PLAN_H_
#define SHOJI_GUEST_AGENT_JAIL_PLAN_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "jail/caps.h"
#include "jail/cgroup_limits.h"
#include "jail/container.h"
#include "jail/device_rules.h"
#include "jail/hooks.h"
#include "jail/mount_options.h"
#include "jail/namespaces.h"
#include "jail/rlimits.h"
#include "jail/scheduling.h"
#include "jail/syscall_filter.h"

namespace shoji::jail {

struct ProcessPlan {
  std::vector<std::string> args;
  std::vector<std::string> env;
  std::string cwd = "/";
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
  bool terminal = false;
  unsigned short rows = 0;
  unsigned short columns = 0;
  CapSets caps;
  std::vector<Rlimit> rlimits;
  bool no_new_privileges = false;
  std::int64_t oom_score_adj = 0;
  mode_t umask = 022;
  Scheduling scheduling;
  std::optional<unsigned long> personality;
  std::shared_ptr<const SeccompFilter> seccomp;  // none: no filter
};

struct MountPlan {
  std::string destination;
  std::string source;
  std::string type;
  MountOptions options;
  std::string instead;       // bound when a user namespace may not mount the real thing
  std::string Text() const;  // for messages
};

struct DevicePlan {
  std::string path;
  mode_t type = 0;  // S_IFCHR, S_IFBLK, S_IFIFO
  dev_t number = 0;
  mode_t mode = 0666;
  uid_t uid = 0;
  gid_t gid = 0;
};

struct Plan {
  ProcessPlan process;
  NamespacePlan namespaces;
  std::string rootfs;
  bool rootfs_readonly = false;
  unsigned long propagation = 0;  // MS_ flags; 0: the default
  std::string hostname;
  std::string domainname;
  std::vector<MountPlan> mounts;
  std::vector<DevicePlan> devices;  // the default ones too
  std::vector<std::string> masked_paths;
  std::vector<std::string> readonly_paths;
  std::vector<std::pair<std::string, std::string>> sysctl;  // path below /proc/sys, value
  std::vector<Limit> limits;
  DeviceProgram device_program;
  Hooks hooks;
  std::string cgroup_path;  // below the root of the cgroups
};

Result<Plan> MakePlan(const std::string& id, const grpc::Spec& spec,
                      const Environment& environment);

// A process in a container of that plan; what the message leaves out (capabilities,
// limits) it has from there.
Result<ProcessPlan> MakeProcessPlan(const grpc::Process& process, const ProcessPlan& init);

}  // namespace shoji::jail

#endif  // SHOJI_GUEST_AGENT_JAIL_PLAN_H_
