// What a process can tell of itself: arguments, identity, rights, limits, terminal.
#include <linux/capability.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "report.h"

extern char** environ;

namespace checker {
namespace {

std::string Shown(const std::vector<std::string>& list) { return Json(list).dump(); }

std::vector<std::string> Strings(const Json& json) {
  return json.is_null() ? std::vector<std::string>() : json.get<std::vector<std::string>>();
}

void CheckWords(const Input& in, Report* report) {
  const std::string line = ReadText("/proc/self/cmdline");
  report->Check("process.args", Shown(Split(line, '\0')), Shown(Strings(in.At("/process/args"))));
  std::vector<std::string> env;
  for (char** variable = environ; *variable != nullptr; ++variable) env.emplace_back(*variable);
  const std::vector<std::string> wanted = Strings(in.At("/process/env"));
  const auto is_home = [](const std::string& variable) { return variable.rfind("HOME=", 0) == 0; };
  // The agent adds it, last, for whom the specification gives none.
  const bool given = std::any_of(wanted.begin(), wanted.end(), is_home);
  if (!given && !env.empty() && is_home(env.back())) env.pop_back();
  report->Check("process.env", Shown(env), Shown(wanted));
  char cwd[4096] = {};
  report->Check("process.cwd", getcwd(cwd, sizeof cwd) == nullptr ? "" : cwd,
                in.At("/process/cwd").get<std::string>());
}

void CheckIds(const Input& in, Report* report) {
  const Json user = in.At("/process/user").is_null() ? Json::object() : in.At("/process/user");
  const auto four = [](std::int64_t id) {
    const std::string text = std::to_string(id);
    return text + "\t" + text + "\t" + text + "\t" + text;
  };
  report->Check("process.user.uid", StatusField("Uid"), four(user.value("uid", 0)));
  report->Check("process.user.gid", StatusField("Gid"), four(user.value("gid", 0)));
  std::vector<gid_t> groups(1024);
  groups.resize(static_cast<std::size_t>(std::max(0, getgroups(1024, groups.data()))));
  auto wanted = user.value("additionalGids", std::vector<gid_t>());
  std::sort(groups.begin(), groups.end());
  std::sort(wanted.begin(), wanted.end());
  report->Check("process.user.additionalGids", Json(groups).dump(), Json(wanted).dump());
  const mode_t mask = umask(0);
  report->Check("process.user.umask", Octal(mask), Octal(user.value("umask", 022U)));
}

// ---- capabilities ----

// In the order of their numbers.
constexpr const char* kCaps[] = {"CHOWN",
                                 "DAC_OVERRIDE",
                                 "DAC_READ_SEARCH",
                                 "FOWNER",
                                 "FSETID",
                                 "KILL",
                                 "SETGID",
                                 "SETUID",
                                 "SETPCAP",
                                 "LINUX_IMMUTABLE",
                                 "NET_BIND_SERVICE",
                                 "NET_BROADCAST",
                                 "NET_ADMIN",
                                 "NET_RAW",
                                 "IPC_LOCK",
                                 "IPC_OWNER",
                                 "SYS_MODULE",
                                 "SYS_RAWIO",
                                 "SYS_CHROOT",
                                 "SYS_PTRACE",
                                 "SYS_PACCT",
                                 "SYS_ADMIN",
                                 "SYS_BOOT",
                                 "SYS_NICE",
                                 "SYS_RESOURCE",
                                 "SYS_TIME",
                                 "SYS_TTY_CONFIG",
                                 "MKNOD",
                                 "LEASE",
                                 "AUDIT_WRITE",
                                 "AUDIT_CONTROL",
                                 "SETFCAP",
                                 "MAC_OVERRIDE",
                                 "MAC_ADMIN",
                                 "SYSLOG",
                                 "WAKE_ALARM",
                                 "BLOCK_SUSPEND",
                                 "AUDIT_READ",
                                 "PERFMON",
                                 "BPF",
                                 "CHECKPOINT_RESTORE"};

std::uint64_t Set(const Input& in, const std::string& name) {
  std::uint64_t set = 0;
  for (const std::string& cap : Strings(in.At(("/process/capabilities/" + name).c_str()))) {
    for (std::size_t i = 0; i < std::size(kCaps); ++i) {
      if (cap == std::string("CAP_") + kCaps[i]) set |= std::uint64_t{1} << i;
    }
  }
  const int last = std::atoi(FirstLine("/proc/sys/kernel/cap_last_cap").c_str());
  return last > 0 && last < 63 ? set & ((std::uint64_t{2} << static_cast<unsigned>(last)) - 1)
                               : set;
}

std::string Hex(std::uint64_t set) {
  char text[32];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(set));
  return text;
}

// What the kernel leaves of the sets when a program is executed: root gets all of the
// bounding and the inheritable set, a user the ambient set.
void CheckCaps(const Input& in, Report* report) {
  const std::uint64_t bounding = Set(in, "bounding");
  const std::uint64_t inheritable = Set(in, "inheritable");
  const std::uint64_t ambient = Set(in, "ambient");
  const std::uint64_t after = getuid() == 0 ? bounding | inheritable : ambient;
  report->Check("process.capabilities.bounding", StatusField("CapBnd"), Hex(bounding));
  report->Check("process.capabilities.inheritable", StatusField("CapInh"), Hex(inheritable));
  report->Check("process.capabilities.ambient", StatusField("CapAmb"), Hex(ambient));
  report->Check("process.capabilities.permitted", StatusField("CapPrm"), Hex(after));
  report->Check("process.capabilities.effective", StatusField("CapEff"), Hex(after));
}

// ---- limits ----

const std::map<std::string, int>& Resources() {
  static const std::map<std::string, int> names = {{"RLIMIT_AS", RLIMIT_AS},
                                                   {"RLIMIT_CORE", RLIMIT_CORE},
                                                   {"RLIMIT_CPU", RLIMIT_CPU},
                                                   {"RLIMIT_DATA", RLIMIT_DATA},
                                                   {"RLIMIT_FSIZE", RLIMIT_FSIZE},
                                                   {"RLIMIT_LOCKS", RLIMIT_LOCKS},
                                                   {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
                                                   {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
                                                   {"RLIMIT_NICE", RLIMIT_NICE},
                                                   {"RLIMIT_NOFILE", RLIMIT_NOFILE},
                                                   {"RLIMIT_NPROC", RLIMIT_NPROC},
                                                   {"RLIMIT_RSS", RLIMIT_RSS},
                                                   {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
                                                   {"RLIMIT_RTTIME", RLIMIT_RTTIME},
                                                   {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
                                                   {"RLIMIT_STACK", RLIMIT_STACK}};
  return names;
}

void CheckLimits(const Input& in, Report* report) {
  for (const Json& limit : in.At("/process/rlimits")) {
    const std::string type = limit.at("type");
    rlimit saw{};
    getrlimit(static_cast<__rlimit_resource>(Resources().at(type)), &saw);
    const auto pair = [](std::uint64_t soft, std::uint64_t hard) {
      return std::to_string(soft) + "/" + std::to_string(hard);
    };
    report->Check("process.rlimits." + type, pair(saw.rlim_cur, saw.rlim_max),
                  pair(limit.at("soft"), limit.at("hard")));
  }
  if (const Json score = in.At("/process/oomScoreAdj"); !score.is_null()) {
    report->Check("process.oomScoreAdj", std::atoi(FirstLine("/proc/self/oom_score_adj").c_str()),
                  score.get<int>());
  }
  const Json nnp = in.At("/process/noNewPrivileges");
  report->Check("process.noNewPrivileges", StatusField("NoNewPrivs"),
                nnp.is_boolean() && nnp.get<bool>() ? "1" : "0");
}

void CheckTerminal(const Input& in, Report* report) {
  const Json wanted = in.At("/process/terminal");
  const bool terminal = wanted.is_boolean() && wanted.get<bool>();
  for (int fd = 0; fd < 3; ++fd)
    report->Check("process.terminal." + std::to_string(fd), isatty(fd), terminal ? 1 : 0);
  struct stat console {};
  struct stat own {};
  const bool there = stat("/dev/console", &console) == 0;
  if (!terminal || fstat(0, &own) < 0) return;
  report->Check("process.terminal.console", there && console.st_rdev == own.st_rdev,
                there ? std::to_string(console.st_rdev) : "none", std::to_string(own.st_rdev));
  const Json size = in.At("/process/consoleSize");
  winsize saw{};
  ioctl(0, TIOCGWINSZ, &saw);
  if (size.is_null()) return;
  report->Check("process.consoleSize.height", saw.ws_row, size.at("height").get<int>());
  report->Check("process.consoleSize.width", saw.ws_col, size.at("width").get<int>());
}

}  // namespace

void CheckProcess(const Input& in, Report* report) {
  CheckWords(in, report);
  CheckIds(in, report);
  CheckCaps(in, report);
  CheckLimits(in, report);
  CheckTerminal(in, report);
}

void CheckScheduling(const Input& in, Report* report) {
  const std::map<std::string, int> policies = {{"SCHED_OTHER", 0}, {"SCHED_FIFO", 1},
                                               {"SCHED_RR", 2},    {"SCHED_BATCH", 3},
                                               {"SCHED_IDLE", 5},  {"SCHED_DEADLINE", 6}};
  const Json scheduler = in.At("/process/scheduler");
  report->Check("process.scheduler.policy", sched_getscheduler(0),
                policies.at(scheduler.is_null() ? "SCHED_OTHER" : scheduler.at("policy")));
  if (!scheduler.is_null()) {
    sched_param param{};
    sched_getparam(0, &param);
    report->Check("process.scheduler.priority", param.sched_priority,
                  scheduler.value("priority", 0));
    report->Check("process.scheduler.nice", getpriority(PRIO_PROCESS, 0),
                  scheduler.value("nice", 0));
  }
  const std::map<std::string, int> classes = {
      {"IOPRIO_CLASS_RT", 1}, {"IOPRIO_CLASS_BE", 2}, {"IOPRIO_CLASS_IDLE", 3}};
  if (const Json io = in.At("/process/ioPriority"); !io.is_null()) {
    report->Check("process.ioPriority", syscall(SYS_ioprio_get, 1, 0),
                  classes.at(io.at("class")) * 8192 + io.value("priority", 0));
  }
  if (const Json domain = in.At("/linux/personality/domain"); !domain.is_null()) {
    constexpr unsigned kLow = 0xff;
    report->Check("linux.personality.domain",
                  static_cast<int>(static_cast<unsigned>(personality(0xffffffff)) & kLow),
                  domain == "LINUX32" ? 8 : 0);
  }
}

}  // namespace checker
