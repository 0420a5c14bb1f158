#include "oci_spec.h"

#include <nlohmann/json.hpp>
#include <string>

#include "json_reader.h"
#include "json_text.h"

namespace shoji::agent_kata {

namespace {

using Reader = JsonReader;

void Read(const Reader& r, grpc::User* user) {
  user->set_uid(r.Uint32("uid"));
  user->set_gid(r.Uint32("gid"));
  r.Uint32s("additionalGids", user->mutable_additionalgids());
  user->set_username(r.String("username"));
  if (r.Has("umask")) user->set_umask(r.Uint32("umask"));
}

void Read(const Reader& r, grpc::LinuxCapabilities* caps) {
  r.Strings("bounding", caps->mutable_bounding());
  r.Strings("effective", caps->mutable_effective());
  r.Strings("inheritable", caps->mutable_inheritable());
  r.Strings("permitted", caps->mutable_permitted());
  r.Strings("ambient", caps->mutable_ambient());
}

void Read(const Reader& r, grpc::LinuxScheduler* scheduler) {
  scheduler->set_policy(r.Required("policy"));
  scheduler->set_nice(r.Int64("nice"));
  scheduler->set_priority(r.Int64("priority"));
  r.Strings("flags", scheduler->mutable_flags());
  scheduler->set_runtime(r.Uint64("runtime"));
  scheduler->set_deadline(r.Uint64("deadline"));
  scheduler->set_period(r.Uint64("period"));
}

void Read(const Reader& r, grpc::Process* process) {
  process->set_terminal(r.Bool("terminal"));
  r.Object("consoleSize", [&](const Reader& box) {
    process->mutable_consolesize()->set_height(box.Uint32("height"));
    process->mutable_consolesize()->set_width(box.Uint32("width"));
  });
  r.Object("user", [&](const Reader& user) { Read(user, process->mutable_user()); });
  r.Strings("args", process->mutable_args());
  if (!r.Has("args") || process->args_size() == 0) r.Missing("args[0]");
  r.Strings("env", process->mutable_env());
  process->set_cwd(r.Required("cwd"));
  r.Object("capabilities",
           [&](const Reader& caps) { Read(caps, process->mutable_capabilities()); });
  r.Each("rlimits", [&](const Reader& limit) {
    grpc::POSIXRlimit* out = process->add_rlimits();
    out->set_type(limit.Required("type"));
    out->set_hard(limit.Uint64("hard"));
    out->set_soft(limit.Uint64("soft"));
  });
  process->set_nonewprivileges(r.Bool("noNewPrivileges"));
  process->set_apparmorprofile(r.String("apparmorProfile"));
  process->set_oomscoreadj(r.Int64("oomScoreAdj"));
  process->set_selinuxlabel(r.String("selinuxLabel"));
  r.Object("ioPriority", [&](const Reader& io) {
    process->mutable_iopriority()->set_class_(io.Required("class"));
    process->mutable_iopriority()->set_priority(io.Int64("priority"));
  });
  r.Object("scheduler",
           [&](const Reader& scheduler) { Read(scheduler, process->mutable_scheduler()); });
}

void Read(const Reader& r, grpc::LinuxIDMapping* mapping) {
  mapping->set_hostid(r.Uint32("hostID"));
  mapping->set_containerid(r.Uint32("containerID"));
  mapping->set_size(r.Uint32("size"));
}

void Read(const Reader& r, grpc::Mount* mount) {
  mount->set_destination(r.Required("destination"));
  mount->set_source(r.String("source"));
  mount->set_type(r.String("type"));
  r.Strings("options", mount->mutable_options());
  r.Each("uidMappings", [&](const Reader& map) { Read(map, mount->add_uidmappings()); });
  r.Each("gidMappings", [&](const Reader& map) { Read(map, mount->add_gidmappings()); });
}

void Read(const Reader& r, grpc::Hook* hook) {
  hook->set_path(r.Required("path"));
  r.Strings("args", hook->mutable_args());
  r.Strings("env", hook->mutable_env());
  hook->set_timeout(r.Int64("timeout"));
}

void Read(const Reader& r, grpc::Hooks* hooks) {
  r.Each("prestart", [&](const Reader& hook) { Read(hook, hooks->add_prestart()); });
  r.Each("createRuntime", [&](const Reader& hook) { Read(hook, hooks->add_createruntime()); });
  r.Each("createContainer", [&](const Reader& hook) { Read(hook, hooks->add_createcontainer()); });
  r.Each("startContainer", [&](const Reader& hook) { Read(hook, hooks->add_startcontainer()); });
  r.Each("poststart", [&](const Reader& hook) { Read(hook, hooks->add_poststart()); });
  r.Each("poststop", [&](const Reader& hook) { Read(hook, hooks->add_poststop()); });
}

void Read(const Reader& r, grpc::LinuxMemory* memory) {
  memory->set_limit(r.Int64("limit"));
  memory->set_reservation(r.Int64("reservation"));
  memory->set_swap(r.Int64("swap"));
  memory->set_kernel(r.Int64("kernel"));
  memory->set_kerneltcp(r.Int64("kernelTCP"));
  memory->set_swappiness(r.Uint64("swappiness"));
  memory->set_disableoomkiller(r.Bool("disableOOMKiller"));
}

void Read(const Reader& r, grpc::LinuxCPU* cpu) {
  cpu->set_shares(r.Uint64("shares"));
  cpu->set_quota(r.Int64("quota"));
  cpu->set_period(r.Uint64("period"));
  cpu->set_realtimeruntime(r.Int64("realtimeRuntime"));
  cpu->set_realtimeperiod(r.Uint64("realtimePeriod"));
  cpu->set_cpus(r.String("cpus"));
  cpu->set_mems(r.String("mems"));
  cpu->set_burst(r.Uint64("burst"));
  if (r.Has("idle")) cpu->set_idle(r.Int64("idle"));
}

void Read(const Reader& r, grpc::LinuxThrottleDevice* device) {
  device->set_major(r.Int64("major"));
  device->set_minor(r.Int64("minor"));
  device->set_rate(r.Uint64("rate"));
}

void Read(const Reader& r, grpc::LinuxBlockIO* io) {
  io->set_weight(r.Uint32("weight"));
  io->set_leafweight(r.Uint32("leafWeight"));
  r.Each("weightDevice", [&](const Reader& device) {
    grpc::LinuxWeightDevice* out = io->add_weightdevice();
    out->set_major(device.Int64("major"));
    out->set_minor(device.Int64("minor"));
    out->set_weight(device.Uint32("weight"));
    out->set_leafweight(device.Uint32("leafWeight"));
  });
  r.Each("throttleReadBpsDevice",
         [&](const Reader& device) { Read(device, io->add_throttlereadbpsdevice()); });
  r.Each("throttleWriteBpsDevice",
         [&](const Reader& device) { Read(device, io->add_throttlewritebpsdevice()); });
  r.Each("throttleReadIOPSDevice",
         [&](const Reader& device) { Read(device, io->add_throttlereadiopsdevice()); });
  r.Each("throttleWriteIOPSDevice",
         [&](const Reader& device) { Read(device, io->add_throttlewriteiopsdevice()); });
}

void Read(const Reader& r, grpc::LinuxDeviceCgroup* device) {
  device->set_allow(r.Bool("allow"));
  device->set_type(r.String("type"));
  // Absent means "all", which the wire format says with -1.
  device->set_major(r.Has("major") ? r.Int64("major") : -1);
  device->set_minor(r.Has("minor") ? r.Int64("minor") : -1);
  device->set_access(r.String("access"));
}

void Read(const Reader& r, grpc::LinuxNetwork* network) {
  network->set_classid(r.Uint32("classID"));
  r.Each("priorities", [&](const Reader& priority) {
    grpc::LinuxInterfacePriority* out = network->add_priorities();
    out->set_name(priority.Required("name"));
    out->set_priority(priority.Uint32("priority"));
  });
}

void Read(const Reader& r, grpc::LinuxResources* resources) {
  r.Each("devices", [&](const Reader& device) { Read(device, resources->add_devices()); });
  r.Object("memory", [&](const Reader& memory) { Read(memory, resources->mutable_memory()); });
  r.Object("cpu", [&](const Reader& cpu) { Read(cpu, resources->mutable_cpu()); });
  r.Object("pids",
           [&](const Reader& pids) { resources->mutable_pids()->set_limit(pids.Int64("limit")); });
  r.Object("blockIO", [&](const Reader& io) { Read(io, resources->mutable_blockio()); });
  r.Each("hugepageLimits", [&](const Reader& limit) {
    grpc::LinuxHugepageLimit* out = resources->add_hugepagelimits();
    out->set_pagesize(limit.Required("pageSize"));
    out->set_limit(limit.Uint64("limit"));
  });
  r.Object("network", [&](const Reader& network) { Read(network, resources->mutable_network()); });
  r.StringMap("unified", resources->mutable_unified());
}

void Read(const Reader& r, grpc::LinuxDevice* device) {
  device->set_path(r.Required("path"));
  device->set_type(r.Required("type"));
  device->set_major(r.Int64("major"));
  device->set_minor(r.Int64("minor"));
  device->set_filemode(r.Uint32("fileMode"));
  device->set_uid(r.Uint32("uid"));
  device->set_gid(r.Uint32("gid"));
}

void Read(const Reader& r, grpc::LinuxSyscall* call) {
  r.Strings("names", call->mutable_names());
  call->set_action(r.Required("action"));
  if (r.Has("errnoRet")) call->set_errnoret(r.Uint32("errnoRet"));
  r.Each("args", [&](const Reader& arg) {
    grpc::LinuxSeccompArg* out = call->add_args();
    out->set_index(arg.Uint64("index"));
    out->set_value(arg.Uint64("value"));
    out->set_valuetwo(arg.Uint64("valueTwo"));
    out->set_op(arg.Required("op"));
  });
}

void Read(const Reader& r, grpc::LinuxSeccomp* seccomp) {
  seccomp->set_defaultaction(r.Required("defaultAction"));
  if (r.Has("defaultErrnoRet")) seccomp->set_defaulterrnoret(r.Uint32("defaultErrnoRet"));
  r.Strings("flags", seccomp->mutable_flags());
  seccomp->set_listenerpath(r.String("listenerPath"));
  r.Strings("architectures", seccomp->mutable_architectures());
  r.Each("syscalls", [&](const Reader& call) { Read(call, seccomp->add_syscalls()); });
}

void Read(const Reader& r, grpc::Linux* os) {
  r.Each("uidMappings", [&](const Reader& map) { Read(map, os->add_uidmappings()); });
  r.Each("gidMappings", [&](const Reader& map) { Read(map, os->add_gidmappings()); });
  r.StringMap("sysctl", os->mutable_sysctl());
  r.Object("resources", [&](const Reader& res) { Read(res, os->mutable_resources()); });
  os->set_cgroupspath(r.String("cgroupsPath"));
  r.Each("namespaces", [&](const Reader& space) {
    grpc::LinuxNamespace* out = os->add_namespaces();
    out->set_type(space.Required("type"));
    out->set_path(space.String("path"));
  });
  r.Each("devices", [&](const Reader& device) { Read(device, os->add_devices()); });
  r.Object("seccomp", [&](const Reader& seccomp) { Read(seccomp, os->mutable_seccomp()); });
  os->set_rootfspropagation(r.String("rootfsPropagation"));
  r.Strings("maskedPaths", os->mutable_maskedpaths());
  r.Strings("readonlyPaths", os->mutable_readonlypaths());
  os->set_mountlabel(r.String("mountLabel"));
  r.Object("personality", [&](const Reader& personality) {
    os->mutable_personality()->set_domain(personality.Required("domain"));
    personality.Strings("flags", os->mutable_personality()->mutable_flags());
  });
  r.Object("timeOffsets", [&](const Reader& offsets) {
    for (const char* clock : {"monotonic", "boottime"}) {
      offsets.Object(clock, [&](const Reader& offset) {
        grpc::LinuxTimeOffset& out = (*os->mutable_timeoffsets())[clock];
        out.set_secs(offset.Int64("secs"));
        out.set_nanosecs(offset.Uint32("nanosecs"));
      });
    }
  });
  r.Object("intelRdt", [&](const Reader& rdt) {
    os->mutable_intelrdt()->set_l3cacheschema(rdt.String("l3CacheSchema"));
  });
}

void Read(const Reader& r, grpc::Spec* spec) {
  spec->set_version(r.Required("ociVersion"));
  r.RequiredObject("process",
                   [&](const Reader& process) { Read(process, spec->mutable_process()); });
  r.RequiredObject("root", [&](const Reader& root) {
    spec->mutable_root()->set_path(root.Required("path"));
    spec->mutable_root()->set_readonly(root.Bool("readonly"));
  });
  spec->set_hostname(r.String("hostname"));
  spec->set_domainname(r.String("domainname"));
  r.Each("mounts", [&](const Reader& mount) { Read(mount, spec->add_mounts()); });
  r.Object("hooks", [&](const Reader& hooks) { Read(hooks, spec->mutable_hooks()); });
  r.StringMap("annotations", spec->mutable_annotations());
  r.Object("linux", [&](const Reader& os) { Read(os, spec->mutable_linux()); });
}

template <typename Message>
Status Convert(std::string_view text, const std::string& what, const std::string& path,
               Message* message) {
  SHOJI_ASSIGN_OR_RETURN(const nlohmann::json json, ParseJson(text, what));
  if (!json.is_object()) return InvalidArgument(what + " is not a JSON object");
  Status error;
  Read(Reader(json, &error, path), message);
  return std::move(error).WithContext(what);
}

}  // namespace

Status SpecFromJson(std::string_view json, grpc::Spec* spec) {
  return Convert(json, "OCI specification", "", spec);
}

Status ProcessFromJson(std::string_view json, grpc::Process* process) {
  return Convert(json, "OCI process", "process", process);
}

Status ResourcesFromJson(std::string_view json, grpc::LinuxResources* resources) {
  return Convert(json, "OCI resources", "resources", resources);
}

}  // namespace shoji::agent_kata
