#include "jail/plan.h"

#include <sys/mount.h>

#include <limits>

#include "jail/devices.h"
#include "jail/sysctl.h"
#include "shoji/base/strings.h"

namespace shoji::jail {
namespace {

bool Absolute(const std::string& path) { return !path.empty() && path[0] == '/'; }

template <typename Strings>
std::vector<std::string> Copy(const Strings& strings) {
  return {strings.begin(), strings.end()};
}

Status CheckProcess(const grpc::Process& process) {
  if (process.args().empty()) return InvalidArgument("process.args is empty");
  if (!process.cwd().empty() && !Absolute(process.cwd()))
    return InvalidArgument("process.cwd \"" + process.cwd() + "\" is not an absolute path");
  if (process.oomscoreadj() < -1000 || process.oomscoreadj() > 1000) {
    return InvalidArgument("process.oomScoreAdj is " + std::to_string(process.oomscoreadj()) +
                           ", allowed are -1000 to 1000");
  }
  if (process.user().umask() > 0777)
    return InvalidArgument("process.user.umask " + std::to_string(process.user().umask()) +
                           " is above 0777");
  for (const std::string& variable : process.env()) {
    if (variable.empty() || variable.find('=') == std::string::npos || variable[0] == '=')
      return InvalidArgument("process.env: \"" + variable + "\" is not NAME=VALUE");
  }
  return OkStatus();
}

unsigned short Cells(std::uint32_t count) {
  constexpr std::uint32_t kMost = std::numeric_limits<unsigned short>::max();
  return static_cast<unsigned short>(count > kMost ? kMost : count);
}

void CopyIdentity(const grpc::Process& process, ProcessPlan* plan) {
  plan->uid = process.user().uid();
  plan->gid = process.user().gid();
  plan->groups.assign(process.user().additionalgids().begin(),
                      process.user().additionalgids().end());
  plan->terminal = process.terminal();
  if (process.user().has_umask()) plan->umask = process.user().umask();
  plan->rows = Cells(process.consolesize().height());
  plan->columns = Cells(process.consolesize().width());
}

// What we have mounted, for who may not mount it again. It is of the guest or the sandbox, so
// only where the container shares that.
std::string Instead(const std::string& type, const Environment& environment) {
  if (type == "sysfs") return "/sys";
  if (type == "cgroup" || type == "cgroup2") return environment.cgroup_root;
  return type == "mqueue" ? environment.mqueue : std::string();  // of environment.ipc_ns
}

Result<std::vector<MountPlan>> MakeMounts(const grpc::Spec& spec, const Environment& environment) {
  std::vector<MountPlan> mounts;
  Environment ours = environment;
  for (const auto& ns : spec.linux().namespaces()) {
    if (ns.type() == "ipc" && !ns.path().empty()) ours.mqueue.clear();
  }
  for (const grpc::Mount& mount : spec.mounts()) {
    MountPlan plan{mount.destination(), mount.source(), mount.type(),
                   ParseMountOptions(Copy(mount.options())), Instead(mount.type(), ours)};
    if (!plan.options.refused.empty() || !mount.uidmappings().empty() ||
        !mount.gidmappings().empty())
      return InvalidArgument(plan.Text() + ": mounts with mapped ids are not supported");
    if (plan.destination.empty()) return InvalidArgument(plan.Text() + ": no destination");
    if (plan.type == "bind") plan.options.bind = true;
    if (plan.options.bind && !plan.options.remount && !Absolute(plan.source))
      return InvalidArgument(plan.Text() + ": the source of a bind mount must be absolute");
    if (plan.type.empty() && !plan.options.bind && !plan.options.remount)
      return InvalidArgument(plan.Text() + ": no type");
    mounts.push_back(std::move(plan));
  }
  return mounts;
}

Result<unsigned long> PropagationOf(const grpc::Spec& spec) {
  const std::string& name = spec.linux().rootfspropagation();
  const unsigned long flags = PropagationFlags(name);
  if (!name.empty() && flags == 0) {
    return InvalidArgument("linux.rootfsPropagation \"" + name +
                           "\" is not one of shared, slave, private, unbindable or r...");
  }
  return flags;
}

Status CheckPaths(const std::vector<std::string>& paths, const std::string& field) {
  for (const std::string& path : paths) {
    if (!Absolute(path)) return InvalidArgument(field + ": \"" + path + "\" is not absolute");
  }
  return OkStatus();
}

Status CopyPaths(const grpc::Spec& spec, Plan* plan) {
  plan->rootfs = spec.root().path();
  plan->rootfs_readonly = spec.root().readonly();
  if (!Absolute(plan->rootfs))
    return InvalidArgument("root.path \"" + plan->rootfs + "\" is not an absolute path");
  plan->masked_paths = Copy(spec.linux().maskedpaths());
  plan->readonly_paths = Copy(spec.linux().readonlypaths());
  SHOJI_RETURN_IF_ERROR(CheckPaths(plan->masked_paths, "linux.maskedPaths"));
  return CheckPaths(plan->readonly_paths, "linux.readonlyPaths");
}

}  // namespace

std::string MountPlan::Text() const {
  return "mount of \"" + source + "\" on \"" + destination + "\" (type \"" + type + "\"" +
         (options.data.empty() ? "" : ", options \"" + options.data + "\"") + ")";
}

Result<ProcessPlan> MakeProcessPlan(const grpc::Process& process, const ProcessPlan& init) {
  SHOJI_RETURN_IF_ERROR(CheckProcess(process));
  ProcessPlan plan;
  CopyIdentity(process, &plan);
  plan.args = Copy(process.args());
  plan.env = Copy(process.env());
  if (!process.cwd().empty()) plan.cwd = process.cwd();
  plan.caps = init.caps;
  if (process.has_capabilities()) {
    SHOJI_ASSIGN_OR_RETURN(plan.caps, ParseCaps(process.capabilities()));
  }
  plan.rlimits = init.rlimits;
  if (!process.rlimits().empty()) {
    SHOJI_ASSIGN_OR_RETURN(plan.rlimits, ParseRlimits(process.rlimits()));
  }
  plan.no_new_privileges = process.nonewprivileges();
  plan.oom_score_adj = process.oomscoreadj();
  SHOJI_ASSIGN_OR_RETURN(plan.scheduling, ParseScheduling(process));
  plan.seccomp = init.seccomp;
  plan.personality = init.personality;
  return plan;
}

Result<Plan> MakePlan(const std::string& id, const grpc::Spec& spec,
                      const Environment& environment) {
  Plan plan;
  SHOJI_RETURN_IF_ERROR(CopyPaths(spec, &plan));
  ProcessPlan defaults;
  if (spec.linux().has_seccomp()) {
    SHOJI_ASSIGN_OR_RETURN(defaults.seccomp, SeccompFilter::Make(spec.linux().seccomp()));
  }
  SHOJI_ASSIGN_OR_RETURN(defaults.personality, ParsePersonality(spec.linux()));
  SHOJI_ASSIGN_OR_RETURN(plan.process, MakeProcessPlan(spec.process(), defaults));
  SHOJI_ASSIGN_OR_RETURN(plan.namespaces, MakeNamespacePlan(spec, environment));
  SHOJI_ASSIGN_OR_RETURN(plan.propagation, PropagationOf(spec));
  SHOJI_ASSIGN_OR_RETURN(plan.mounts, MakeMounts(spec, environment));
  SHOJI_ASSIGN_OR_RETURN(plan.devices, MakeDevices(spec));
  SHOJI_ASSIGN_OR_RETURN(plan.sysctl, MakeSysctl(spec));
  SHOJI_ASSIGN_OR_RETURN(plan.limits, LimitsOf(spec.linux().resources()));
  SHOJI_ASSIGN_OR_RETURN(plan.device_program, MakeDeviceProgram(spec.linux().resources()));
  SHOJI_ASSIGN_OR_RETURN(plan.hooks, MakeHooks(id, spec));
  if (!spec.linux().timeoffsets().empty())
    return InvalidArgument("linux.timeOffsets: time namespaces are not supported");
  plan.hostname = spec.hostname();
  plan.domainname = spec.domainname();
  plan.cgroup_path = CgroupPathOf(spec.linux().cgroupspath(), id);
  return plan;
}

}  // namespace shoji::jail
