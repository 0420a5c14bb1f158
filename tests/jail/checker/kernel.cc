// Namespaces, seccomp and the cgroup.
#include <fcntl.h>
#include <linux/audit.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <optional>
#include <sstream>

#include "report.h"

namespace checker {
namespace {

// ---- namespaces ----

struct Kind {
  const char* type;
  const char* file;
  bool own_by_default;
};
constexpr Kind kKinds[] = {{"mount", "mnt", true},     {"pid", "pid", true},
                           {"ipc", "ipc", true},       {"uts", "uts", true},
                           {"cgroup", "cgroup", true}, {"network", "net", false},
                           {"user", "user", false}};

std::uint64_t InodeOf(const char* file) {
  struct stat st {};
  stat((std::string("/proc/self/ns/") + file).c_str(), &st);
  return st.st_ino;
}

std::optional<Json> Named(const Input& in, const char* type) {
  for (const Json& ns : in.At("/linux/namespaces")) {
    if (ns.at("type") == type) return ns;
  }
  return std::nullopt;
}

bool IsOwn(const Input& in, const Kind& kind) {
  const std::optional<Json> named = Named(in, kind.type);
  return named ? named->value("path", "").empty() : kind.own_by_default;
}

void CheckNamespace(const Input& in, const Kind& kind, Report* report) {
  const std::string name = std::string("linux.namespaces.") + kind.type;
  const std::optional<Json> named = Named(in, kind.type);
  const std::string path = named ? named->value("path", "") : "";
  const std::uint64_t saw = InodeOf(kind.file);
  if (!path.empty()) {
    if (!in.outside.contains("joined") || !in.outside["joined"].contains(path))
      return Report::Skip(name, "nobody told which one " + path + " is");
    return report->Check(name, static_cast<std::int64_t>(saw),
                         in.outside["joined"][path].get<std::int64_t>());
  }
  if (!in.outside.contains("ns")) return Report::Skip(name, "nobody told the outside's");
  const bool same = saw == in.outside["ns"].at(kind.file).get<std::uint64_t>();
  report->Check(name, same != IsOwn(in, kind), same ? "the outside's" : "one of its own",
                IsOwn(in, kind) ? "one of its own" : "the outside's");
}

std::string Words(const std::string& text) {
  std::istringstream in(text);
  std::string all;
  std::string word;
  while (in >> word) all += (all.empty() ? "" : " ") + word;
  return all;
}

void CheckMap(const Input& in, const char* field, const char* file, Report* report) {
  if (!Named(in, "user") || !IsOwn(in, kKinds[6])) return;
  std::string wanted;
  for (const Json& map : in.At((std::string("/linux/") + field).c_str())) {
    wanted += (wanted.empty() ? "" : " ") + std::to_string(map.at("containerID").get<unsigned>()) +
              " " + std::to_string(map.at("hostID").get<unsigned>()) + " " +
              std::to_string(map.at("size").get<unsigned>());
  }
  report->Check(std::string("linux.") + field, Words(ReadText(file)), wanted);
}

void CheckNames(const Input& in, Report* report) {
  utsname saw{};
  uname(&saw);
  const Json host = in.At("/hostname");
  const Json domain = in.At("/domainname");
  if (host.is_string() && IsOwn(in, kKinds[3]))
    report->Check("hostname", saw.nodename, host.get<std::string>());
  if (domain.is_string() && IsOwn(in, kKinds[3]))
    report->Check("domainname", saw.domainname, domain.get<std::string>());
}

// ---- seccomp ----

// Calls that do nothing, and what they answer when nobody forbids them.
struct Probe {
  const char* name;
  long number;
  std::uint64_t args[3];
  int answer;  // errno, 0: success
};

std::uint64_t Address(const char* text) { return reinterpret_cast<std::uintptr_t>(text); }

std::vector<Probe> Probes() {
  return {{"getppid", SYS_getppid, {0, 0, 0}, 0},
          {"getpgid", SYS_getpgid, {0, 0, 0}, 0},
          {"mkdir", SYS_mkdir, {Address(""), 0, 0}, ENOENT},
          {"chmod", SYS_chmod, {Address(""), 0, 0}, ENOENT},
          {"lseek", SYS_lseek, {~0ULL, 0, 0}, EBADF},
          {"lseek", SYS_lseek, {~0ULL, 0, 1}, EBADF},
          {"ioctl", SYS_ioctl, {~0ULL, 0x1234, 0}, EBADF},
          {"ioctl", SYS_ioctl, {~0ULL, 0x12ff, 0}, EBADF},
          {"ioctl", SYS_ioctl, {~0ULL, 0x5555, 0}, EBADF},
          {"personality", SYS_personality, {0xffffffff, 0, 0}, 0},
          {"unshare", SYS_unshare, {0, 0, 0}, 0},
          {"swapoff", SYS_swapoff, {Address(""), 0, 0}, -1}};
}

bool Matches(const Json& arg, const Probe& probe) {
  const std::uint64_t index = arg.at("index").get<std::uint64_t>();
  if (index > 2) return false;
  const std::uint64_t saw = probe.args[index];
  const std::uint64_t value = arg.at("value").get<std::uint64_t>();
  const std::string op = arg.at("op");
  if (op == "SCMP_CMP_NE") return saw != value;
  if (op == "SCMP_CMP_LT") return saw < value;
  if (op == "SCMP_CMP_LE") return saw <= value;
  if (op == "SCMP_CMP_EQ") return saw == value;
  if (op == "SCMP_CMP_GE") return saw >= value;
  if (op == "SCMP_CMP_GT") return saw > value;
  return (saw & value) == arg.value("valueTwo", std::uint64_t{0});
}

struct Verdict {
  std::string action;
  int error = EPERM;
};

Verdict VerdictOf(const Json& seccomp, const Probe& probe) {
  for (const Json& rule : seccomp.value("syscalls", Json::array())) {
    const auto names = rule.at("names").get<std::vector<std::string>>();
    const Json args = rule.value("args", Json::array());
    if (std::find(names.begin(), names.end(), probe.name) == names.end()) continue;
    if (std::all_of(args.begin(), args.end(), [&](const Json& a) { return Matches(a, probe); }))
      return {rule.at("action"), rule.value("errnoRet", EPERM)};
  }
  return {seccomp.at("defaultAction"), seccomp.value("defaultErrnoRet", EPERM)};
}

// "0", "errno 38", "signal 31".
std::string Try(const Probe& probe) {
  int pipe_ends[2];
  if (pipe(pipe_ends) < 0) return "no pipe";
  const pid_t child = fork();
  if (child == 0) {
    errno = 0;
    const long result = syscall(probe.number, probe.args[0], probe.args[1], probe.args[2]);
    const int error = result < 0 ? errno : 0;
    const ssize_t sent = write(pipe_ends[1], &error, sizeof error);
    _exit(sent > 0 ? 0 : 1);
  }
  close(pipe_ends[1]);
  int error = 0;
  const bool told = read(pipe_ends[0], &error, sizeof error) == sizeof error;
  close(pipe_ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
  if (!told) return "no answer";
  return error == 0 ? "0" : "errno " + std::to_string(error);
}

std::string Expected(const Verdict& verdict, const Probe& probe) {
  if (verdict.action == "SCMP_ACT_ERRNO") return "errno " + std::to_string(verdict.error);
  if (verdict.action.find("KILL") != std::string::npos || verdict.action == "SCMP_ACT_TRAP")
    return "signal " + std::to_string(SIGSYS);
  return probe.answer == 0 ? "0" : "errno " + std::to_string(probe.answer);
}

// ---- cgroup ----

class Files {
 public:
  Files(const Input& in, Report* report) : report_(report) {
    for (const Json& mount : in.At("/mounts")) {
      const std::string type = mount.value("type", "");
      if (type == "cgroup" || type == "cgroup2") dir_ = mount.at("destination");
    }
  }
  void Check(const std::string& field, const std::string& file, const std::string& wanted) const {
    const std::string name = "linux.resources." + field;
    if (dir_.empty()) return Report::Skip(name, "the container has no cgroup mount");
    if (access((dir_ + "/" + file).c_str(), F_OK) < 0)
      return Report::Skip(name, "this kernel's cgroup has no " + file);
    report_->Check(name, FirstLine(dir_ + "/" + file), wanted);
  }
  // A number of bytes: the kernel rounds down to pages.
  void CheckBytes(const std::string& field, const std::string& file, std::int64_t wanted) const {
    const std::int64_t page = sysconf(_SC_PAGESIZE);
    Check(field, file, wanted < 0 ? "max" : std::to_string(wanted / page * page));
  }

 private:
  std::string dir_;
  Report* report_;
};

std::int64_t Number(const Input& in, const char* pointer) {
  const Json value = in.At(pointer);
  return value.is_number() ? value.get<std::int64_t>() : 0;
}

void CheckMemory(const Input& in, const Files& files) {
  const std::int64_t limit = Number(in, "/linux/resources/memory/limit");
  const std::int64_t low = Number(in, "/linux/resources/memory/reservation");
  const std::int64_t swap = Number(in, "/linux/resources/memory/swap");
  if (limit != 0) files.CheckBytes("memory.limit", "memory.max", limit);
  if (low != 0) files.CheckBytes("memory.reservation", "memory.low", low);
  if (swap != 0) files.CheckBytes("memory.swap", "memory.swap.max", swap < 0 ? -1 : swap - limit);
}

void CheckCpu(const Input& in, const Files& files) {
  const std::int64_t shares = Number(in, "/linux/resources/cpu/shares");
  const std::int64_t quota = Number(in, "/linux/resources/cpu/quota");
  const std::int64_t period = Number(in, "/linux/resources/cpu/period");
  if (shares != 0) {
    files.Check("cpu.shares", "cpu.weight", std::to_string(1 + (shares - 2) * 9999 / 262142));
  }
  if (quota == 0 && period == 0) return;
  files.Check("cpu.quota", "cpu.max",
              (quota <= 0 ? "max" : std::to_string(quota)) + " " +
                  std::to_string(period == 0 ? 100000 : period));
}

}  // namespace

void CheckNamespaces(const Input& in, Report* report) {
  for (const Kind& kind : kKinds) CheckNamespace(in, kind, report);
  CheckMap(in, "uidMappings", "/proc/self/uid_map", report);
  CheckMap(in, "gidMappings", "/proc/self/gid_map", report);
  CheckNames(in, report);
}

void CheckSeccomp(const Input& in, Report* report) {
  const Json seccomp = in.At("/linux/seccomp");
  const bool filtered = !seccomp.is_null();
  report->Check("linux.seccomp", StatusField("Seccomp"), filtered ? "2" : "0");
  for (const Probe& probe : Probes()) {
    const Verdict verdict = filtered ? VerdictOf(seccomp, probe) : Verdict{"SCMP_ACT_ALLOW", 0};
    if (probe.answer < 0 && verdict.action != "SCMP_ACT_ERRNO") continue;
    const std::string call = std::string(probe.name) + "(" + std::to_string(probe.args[1]) + "," +
                             std::to_string(probe.args[2]) + ")";
    report->Check("linux.seccomp." + call, Try(probe), Expected(verdict, probe));
  }
}

void CheckCgroup(const Input& in, Report* report) {
  if (IsOwn(in, kKinds[4])) {
    std::string group = ReadText("/proc/self/cgroup");
    const std::size_t unified = group.rfind("0::");
    group = unified == std::string::npos
                ? ""
                : group.substr(unified, group.find('\n', unified) - unified);
    report->Check("linux.cgroupsPath", group, "0::/");
  }
  const Files files(in, report);
  CheckMemory(in, files);
  CheckCpu(in, files);
  if (const std::int64_t pids = Number(in, "/linux/resources/pids/limit"); pids != 0)
    files.Check("pids.limit", "pids.max", pids < 0 ? "max" : std::to_string(pids));
  const Json unified = in.At("/linux/resources/unified");
  for (const auto& [file, value] : (unified.is_null() ? Json::object() : unified).items())
    files.Check("unified." + file, file, value.get<std::string>());
  for (const Json& huge : in.At("/linux/resources/hugepageLimits")) {
    const std::string size = huge.at("pageSize");
    files.CheckBytes("hugepageLimits." + size, "hugetlb." + size + ".max",
                     huge.at("limit").get<std::int64_t>());
  }
}

}  // namespace checker
