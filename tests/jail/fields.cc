#include "fields.h"

#include <iterator>
#include <sstream>

namespace shoji::jail {
namespace {

using Setter = std::function<void(Json&, const std::string&)>;

Json Mount(const std::string& destination, const std::string& type, const std::string& source,
           const std::vector<std::string>& options) {
  return {{"destination", destination}, {"type", type}, {"source", source}, {"options", options}};
}

// A field that is one value at one place.
Setter Put(const std::string& pointer, Json value) {
  return [pointer, value = std::move(value)](Json& spec, const std::string&) {
    spec[Json::json_pointer(pointer)] = value;
  };
}

// One more element of a list.
Setter Add(const std::string& pointer, Json value) {
  return [pointer, value = std::move(value)](Json& spec, const std::string&) {
    spec[Json::json_pointer(pointer)].push_back(value);
  };
}

Setter Tmpfs(const std::string& destination, const std::vector<std::string>& options) {
  return Add("/mounts", Mount(destination, "tmpfs", "tmpfs", options));
}

Setter Bind(const std::string& destination, const std::string& source,
            const std::vector<std::string>& options) {
  return [=](Json& spec, const std::string& dir) {
    spec["mounts"].push_back(Mount(destination, "bind", dir + "/" + source, options));
  };
}

Setter Cap(const std::string& set, const std::string& name) {
  return Add("/process/capabilities/" + set, name);
}

Json Rlimits() {
  Json limits = Json::array();
  int value = 100;
  for (const char* name : {"CORE", "FSIZE", "LOCKS", "MEMLOCK", "MSGQUEUE", "NOFILE", "NPROC",
                           "RSS", "RTTIME", "SIGPENDING", "CPU"}) {
    const int factor = std::string(name) == "FSIZE" || std::string(name) == "RTTIME" ? 100000 : 1;
    limits.push_back({{"type", std::string("RLIMIT_") + name},
                      {"soft", value * factor},
                      {"hard", (value + 7) * factor}});
    ++value;
  }
  // Not above what a machine may allow its root.
  for (const char* name : {"NICE", "RTPRIO"})
    limits.push_back({{"type", std::string("RLIMIT_") + name}, {"soft", 0}, {"hard", 0}});
  std::vector<std::string> large = {"STACK"};
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  large = {"DATA", "STACK", "AS"};  // a sanitizer's shadow would not fit in the two
#endif
  for (const std::string& name : large)
    limits.push_back({{"type", "RLIMIT_" + name}, {"soft", 1ULL << 33U}, {"hard", ~0ULL}});
  return limits;
}

Json Rule(const std::vector<std::string>& names, const std::string& action) {
  return {{"names", names}, {"action", action}};
}

Json Seccomp(const std::string& default_action, const std::vector<Json>& rules) {
  return {{"defaultAction", default_action},
          {"architectures", {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86"}},
          {"syscalls", rules}};
}

Json WithArgs(Json rule, const std::vector<Json>& args) {
  rule["args"] = args;
  return rule;
}

Json WithErrno(Json rule, int number) {
  rule["errnoRet"] = number;
  return rule;
}

Json Arg(int index, std::uint64_t value, const std::string& op, std::uint64_t two = 0) {
  return {{"index", index}, {"value", value}, {"valueTwo", two}, {"op", op}};
}

Json Node(const char* path, const char* type, int major, int minor) {
  Json node = {{"path", path}, {"type", type}};
  if (std::string(type) != "p") node.update({{"major", major}, {"minor", minor}});
  return node;
}

void OwnUsers(Json& spec, const std::string&) {
  spec["linux"]["namespaces"].push_back({{"type", "user"}});
  const Json map = {{{"containerID", 0}, {"hostID", 100000}, {"size", 65536}}};
  spec["linux"]["uidMappings"] = map;
  spec["linux"]["gidMappings"] = map;
}

Setter Joined(const std::string& type, const std::string& path) {
  return [=](Json& spec, const std::string&) {
    for (Json& ns : spec["linux"]["namespaces"]) {
      if (ns.at("type") == type) ns["path"] = path;
    }
  };
}

void DeviceRules(Json& spec, const std::string&) {
  spec["linux"]["devices"].push_back(Node("/dev/fuse-denied", "c", 10, 229));
  spec["linux"]["devices"].push_back(Node("/dev/tun-allowed", "c", 10, 200));
  spec["linux"]["resources"]["devices"] = {
      {{"allow", false}, {"access", "rwm"}},
      {{"allow", true}, {"type", "c"}, {"major", 10}, {"access", "rwm"}},
      {{"allow", false}, {"type", "c"}, {"major", 10}, {"minor", 229}, {"access", "rw"}}};
}

void OwnedDevice(Json& spec, const std::string&) {
  Json node = Node("/dev/deep/zero", "c", 1, 5);
  node.update({{"fileMode", 0640}, {"uid", 12}, {"gid", 34}});
  spec["linux"]["devices"].push_back(node);
}

void AddProcess(std::vector<Field>* f) {
  f->push_back({"args", Put("/process/args", {"/check/checker", "a b", "c"}), "process.args"});
  f->push_back({"env", Put("/process/env", {"B=1", "A=x y=z", "E="}), "process.env"});
  f->push_back({"cwd", Put("/process/cwd", "/work/deep"), "process.cwd"});
  f->push_back({"uid", Put("/process/user/uid", 1000), "process.user.uid"});
  f->push_back({"gid", Put("/process/user/gid", 2000), "process.user.gid"});
  f->push_back({"additionalGids", Put("/process/user/additionalGids", {5, 3000}),
                "process.user.additionalGids"});
  f->push_back({"umask", Put("/process/user/umask", 027), "process.user.umask"});
  f->push_back({"bounding", Cap("bounding", "CAP_NET_RAW"), "process.capabilities.bounding"});
  f->push_back(
      {"inheritable",
       [](Json& spec, const std::string& dir) { Cap("inheritable", "CAP_CHOWN")(spec, dir); },
       "process.capabilities.inheritable"});
  f->push_back({"ambient",
                [](Json& spec, const std::string& dir) {
                  Cap("inheritable", "CAP_KILL")(spec, dir);
                  Cap("ambient", "CAP_KILL")(spec, dir);
                },
                "process.capabilities.ambient"});
  f->push_back(
      {"permitted",
       [](Json& spec, const std::string& dir) {
         for (const char* set : {"bounding", "permitted", "effective", "inheritable", "ambient"})
           Cap(set, "CAP_NET_ADMIN")(spec, dir);
       },
       "process.capabilities.permitted"});
  f->push_back({"effective",
                [](Json& spec, const std::string&) { spec["process"].erase("capabilities"); },
                "process.capabilities.effective", true});
  f->push_back({"rlimits", Put("/process/rlimits", Rlimits()), "process.rlimits.RLIMIT_NOFILE"});
  f->push_back({"oomScoreAdj", Put("/process/oomScoreAdj", 321), "process.oomScoreAdj"});
  f->push_back(
      {"noNewPrivileges", Put("/process/noNewPrivileges", true), "process.noNewPrivileges"});
  f->push_back({"terminal", Put("/process/terminal", true), "process.terminal.0"});
  f->push_back({"consoleSize",
                [](Json& spec, const std::string&) {
                  spec["process"]["terminal"] = true;
                  spec["process"]["consoleSize"] = {{"height", 33}, {"width", 77}};
                },
                "process.terminal.1"});
  f->push_back({"scheduler", Put("/process/scheduler", {{"policy", "SCHED_BATCH"}, {"nice", 7}}),
                "process.scheduler.nice"});
  f->push_back({"ioPriority",
                Put("/process/ioPriority", {{"class", "IOPRIO_CLASS_BE"}, {"priority", 6}}),
                "process.ioPriority"});
}

void AddMounts(std::vector<Field>* f) {
  f->push_back({"bind", Bind("/m/bind", "source", {"bind"}), "mounts./m/bind"});
  f->push_back({"rbind", Bind("/m/rbind", "source", {"rbind", "ro"}), "mounts./m/rbind"});
  f->push_back({"bind_file", Bind("/m/file", "single", {"bind", "ro"}), "mounts./m/file"});
  f->push_back(
      {"bind_flags",
       Bind("/m/flags", "source", {"rbind", "nosuid", "nodev", "noexec", "noatime", "nodiratime"}),
       "mounts./m/flags"});
  f->push_back({"tmpfs", Tmpfs("/m/t", {"size=64k", "mode=1750", "nr_inodes=99"}), "mounts./m/t"});
  int number = 0;
  for (const char* option :
       {"ro",          "nosuid",      "nodev",   "noexec",  "nodiratime", "noatime",    "relatime",
        "strictatime", "nosymfollow", "sync",    "dirsync", "lazytime",   "shared",     "slave",
        "private",     "unbindable",  "rshared", "rslave",  "rprivate",   "runbindable"}) {
    const std::string place = "/m/o" + std::to_string(number++);
    f->push_back({std::string("option_") + option, Tmpfs(place, {option}), "mounts." + place});
  }
  for (const char* option : {"rro", "rnosuid", "rnodev", "rnoexec", "rnodiratime", "rnoatime",
                             "rrelatime", "rstrictatime", "rnosymfollow"}) {
    const std::string place = "/m/o" + std::to_string(number++);
    f->push_back({std::string("option_") + option, Bind(place, "source", {"rbind", option}),
                  "mounts." + place});
  }
  f->push_back({"last_option_wins", Tmpfs("/m/last", {"ro", "nosuid", "rw", "suid", "noexec"}),
                "mounts./m/last"});
  f->push_back({"over_a_mount",
                [](Json& spec, const std::string& dir) {
                  Tmpfs("/m/twice", {"size=32k"})(spec, dir);
                  Tmpfs("/m/twice", {"size=48k", "noexec"})(spec, dir);
                },
                "mounts./m/twice"});
  f->push_back({"cgroup_mount",
                Add("/mounts", Mount("/sys/fs/cgroup", "cgroup", "cgroup",
                                     {"nosuid", "noexec", "nodev", "relatime", "ro"})),
                "mounts./sys/fs/cgroup"});
}

void AddRoot(std::vector<Field>* f) {
  f->push_back({"hostname", Put("/hostname", "another"), "hostname"});
  f->push_back({"domainname", Put("/domainname", "realm"), "domainname"});
  f->push_back({"root_readonly", Put("/root/readonly", true), "root.readonly"});
  for (const char* word : {"shared", "rshared", "unbindable", "runbindable"})
    f->push_back({std::string("rootfsPropagation_") + word, Put("/linux/rootfsPropagation", word),
                  "linux.rootfsPropagation", true});
  f->push_back(
      {"rootfsPropagation_private",
       [](Json& spec, const std::string&) { spec["linux"]["rootfsPropagation"] = "private"; }, ""});
  f->push_back(
      {"rootfsPropagation_slave",
       [](Json& spec, const std::string&) { spec["linux"]["rootfsPropagation"] = "rslave"; }, "",
       true});
}

void AddLinux(std::vector<Field>* f) {
  f->push_back({"device", OwnedDevice, "linux.devices./dev/deep/zero"});
  f->push_back({"device_fifo", Add("/linux/devices", Node("/dev/fifo", "p", 0, 0)),
                "linux.devices./dev/fifo"});
  f->push_back({"device_block", Add("/linux/devices", Node("/dev/block", "b", 7, 99)),
                "linux.devices./dev/block"});
  f->push_back({"device_rules", DeviceRules, "linux.resources.devices./dev/fuse-denied"});
  f->push_back(
      {"masked_file", Add("/linux/maskedPaths", "/etc/secret"), "linux.maskedPaths./etc/secret"});
  f->push_back(
      {"masked_dir", Add("/linux/maskedPaths", "/etc/hidden"), "linux.maskedPaths./etc/hidden"});
  f->push_back({"readonly_file", Add("/linux/readonlyPaths", "/etc/passwd"),
                "linux.readonlyPaths./etc/passwd"});
  f->push_back({"readonly_dir", Add("/linux/readonlyPaths", "/root"), "linux.readonlyPaths./root"});
  f->push_back(
      {"sysctl_ipc", Put("/linux/sysctl/kernel.msgmax", "4321"), "linux.sysctl.kernel.msgmax"});
  f->push_back({"sysctl_net",
                [](Json& spec, const std::string&) {
                  spec["linux"]["namespaces"].push_back({{"type", "network"}});
                  spec["linux"]["sysctl"]["net.ipv4.ip_default_ttl"] = "77";
                },
                "linux.sysctl.net.ipv4.ip_default_ttl"});
  f->push_back({"own_network", Add("/linux/namespaces", {{"type", "network"}}),
                "linux.namespaces.network", true});
  f->push_back({"own_users", OwnUsers, "linux.namespaces.user", true});
  f->push_back({"joined_ipc", Joined("ipc", "/proc/self/ns/ipc"), "linux.namespaces.ipc", true});
  f->push_back({"joined_uts", Joined("uts", "/proc/self/ns/uts"), "linux.namespaces.uts", true});
  f->push_back({"personality", Put("/linux/personality", {{"domain", "LINUX32"}}),
                "linux.personality.domain"});
}

// All that the checker itself needs.
constexpr char kCheckersCalls[] =
    "read write close open openat stat fstat newfstatat lstat lseek mmap munmap mprotect brk ioctl "
    "readlink readlinkat access pipe pipe2 fork clone vfork wait4 exit exit_group execve getuid "
    "getgid geteuid getegid getppid getgroups getcwd uname umask prlimit64 getrlimit arch_prctl "
    "set_tid_address set_robust_list rseq rt_sigaction rt_sigprocmask getrandom getdents64 statfs "
    "readv writev sched_getscheduler sched_getparam getpriority ioprio_get personality unshare "
    "capset "
    "capget prctl futex fcntl unlink gettid getpid close_range faccessat faccessat2 statx getpgid";

std::vector<std::string> Words(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), std::istream_iterator<std::string>()};
}

void AddFilter(const char* name, const Json& seccomp, const char* point, std::vector<Field>* f,
               bool alone = true) {
  f->push_back({std::string("seccomp_") + name, Put("/linux/seccomp", seccomp), point, alone});
}

void AddSeccompActions(std::vector<Field>* f) {
  const auto add = [f](const char* name, const Json& seccomp, const char* point) {
    AddFilter(name, seccomp, point, f);
  };
  const std::string allow = "SCMP_ACT_ALLOW";
  const std::string error = "SCMP_ACT_ERRNO";
  add("errno", Seccomp(allow, {Rule({"mkdir", "chmod"}, error)}), "linux.seccomp.mkdir");
  add("errnoRet", Seccomp(allow, {WithErrno(Rule({"getpgid"}, error), 77)}),
      "linux.seccomp.getpgid");
  add("kill", Seccomp(allow, {Rule({"getpgid"}, "SCMP_ACT_KILL_PROCESS")}),
      "linux.seccomp.getpgid");
  add("kill_thread", Seccomp(allow, {Rule({"getpgid"}, "SCMP_ACT_KILL")}), "linux.seccomp.getpgid");
  add("trap", Seccomp(allow, {Rule({"getpgid"}, "SCMP_ACT_TRAP")}), "linux.seccomp.getpgid");
  add("log", Seccomp(allow, {Rule({"getpgid"}, "SCMP_ACT_LOG")}), "linux.seccomp");
  // The rest answers with a number of its own.
  Json rest = Seccomp(error, {Rule(Words(kCheckersCalls), allow)});
  rest["defaultErrnoRet"] = 38;
  add("default_errno", rest, "linux.seccomp.mkdir");
}

void AddSeccompArguments(std::vector<Field>* f) {
  const auto add = [f](const char* name, const Json& seccomp, const char* point) {
    AddFilter(name, seccomp, point, f);
  };
  const std::string allow = "SCMP_ACT_ALLOW";
  const std::string error = "SCMP_ACT_ERRNO";
  const Json eq = WithArgs(Rule({"lseek"}, error), {Arg(2, 1, "SCMP_CMP_EQ")});
  add("arg_eq", Seccomp(allow, {eq}), "linux.seccomp.lseek(0,1)");
  const Json masked = WithArgs(WithErrno(Rule({"ioctl"}, error), 71),
                               {Arg(1, 0xff00, "SCMP_CMP_MASKED_EQ", 0x1200)});
  add("arg_masked", Seccomp(allow, {masked}), "linux.seccomp.ioctl(4660,0)");
  const Json both =
      WithArgs(Rule({"ioctl"}, error), {Arg(1, 0x1234, "SCMP_CMP_GE"), Arg(2, 0, "SCMP_CMP_EQ")});
  add("two_args", Seccomp(allow, {both}), "linux.seccomp.ioctl(4660,0)");
  for (const char* op : {"NE", "LT", "LE", "GT"}) {
    const Json rule =
        WithArgs(Rule({"ioctl"}, error), {Arg(1, 0x12ff, std::string("SCMP_CMP_") + op)});
    // One of the three probes is on the forbidden side of each.
    add(op, Seccomp(allow, {rule}), "linux.seccomp.ioctl");
  }
  Json flags = Seccomp(allow, {eq, masked, WithErrno(Rule({"getpgid"}, error), 12)});
  flags["flags"] = {"SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"};
  AddFilter("flags", flags, "linux.seccomp.getpgid", f, false);
}

void AddResources(std::vector<Field>* f) {
  const auto add = [f](const char* name, const char* pointer, const Json& value,
                       const char* controller) {
    f->push_back({std::string("resources_") + name,
                  [=](Json& spec, const std::string& dir) {
                    Put(pointer, value)(spec, dir);
                    Add("/mounts", Mount("/sys/fs/cgroup", "cgroup", "cgroup", {"ro"}))(spec, dir);
                  },
                  "linux.resources", false, controller});
  };
  add("memory", "/linux/resources/memory",
      {{"limit", 64 << 20}, {"reservation", 32 << 20}, {"swap", 96 << 20}}, "memory");
  add("pids", "/linux/resources/pids", {{"limit", 55}}, "pids");
  add("cpu", "/linux/resources/cpu", {{"shares", 512}, {"quota", 50000}, {"period", 200000}},
      "cpu");
  add("unified", "/linux/resources/unified", {{"memory.high", "33554432"}}, "memory");
}

}  // namespace

Json BaseSpec(const std::string& rootfs, const std::string& dir) {
  const Json caps = {"CAP_CHOWN",  "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL",
                     "CAP_SETGID", "CAP_SETUID",       "CAP_MKNOD",  "CAP_SYS_CHROOT"};
  Json spec = {
      {"ociVersion", "1.0.2"},
      {"hostname", "box"},
      {"root", {{"path", rootfs}}},
      {"process",
       {{"args", {"/check/checker"}},
        {"env", {"PATH=/usr/bin:/bin"}},
        {"cwd", "/"},
        {"user", {{"uid", 0}, {"gid", 0}}},
        {"capabilities", {{"bounding", caps}, {"effective", caps}, {"permitted", caps}}}}},
      {"mounts",
       {Mount("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}),
        Mount("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}),
        Mount("/dev/pts", "devpts", "devpts",
              {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}),
        Mount("/dev/shm", "tmpfs", "shm",
              {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}),
        Mount("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}),
        Mount("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}),
        Mount("/check", "bind", dir + "/check", {"rbind", "ro"})}},
      {"linux",
       {{"namespaces",
         {{{"type", "pid"}},
          {{"type", "ipc"}},
          {{"type", "uts"}},
          {{"type", "mount"}},
          {{"type", "cgroup"}}}},
        {"devices", Json::array()},
        {"maskedPaths", {"/proc/kcore", "/proc/keys", "/proc/acpi", "/sys/firmware"}},
        {"readonlyPaths", {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"}}}}};
  return spec;
}

const std::vector<Field>& Fields() {
  static const std::vector<Field> fields = [] {
    std::vector<Field> all;
    AddProcess(&all);
    AddMounts(&all);
    AddRoot(&all);
    AddLinux(&all);
    AddSeccompActions(&all);
    AddSeccompArguments(&all);
    AddResources(&all);
    return all;
  }();
  return fields;
}

}  // namespace shoji::jail
