#include "cgroups.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>

#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"
#include "shoji/base/unique_fd.h"

namespace shoji::process {
namespace {

constexpr char kParent[] = "/shoji-process";
// How long killed processes may take to leave their cgroup.
constexpr std::chrono::seconds kDying{2};

bool IsDirectory(const std::string& path) {
  struct stat info {};
  return lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

std::vector<std::string> Children(const std::string& dir) {
  std::vector<std::string> out;
  const auto names = ListDir(dir);
  if (!names.ok()) return out;
  for (const std::string& name : *names) {
    if (IsDirectory(dir + "/" + name)) out.push_back(dir + "/" + name);
  }
  return out;
}

// errno of the outermost rmdir; 0: gone.
int RemoveGroups(const std::string& dir) {
  if (rmdir(dir.c_str()) == 0 || errno == ENOENT) return 0;
  if (errno != EBUSY && errno != ENOTEMPTY) return errno;
  for (const std::string& child : Children(dir)) RemoveGroups(child);
  return rmdir(dir.c_str()) == 0 || errno == ENOENT ? 0 : errno;
}

// FNV-1a: the same for each run of the program, unlike std::hash.
std::uint64_t Hash(const std::string& text) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return hash;
}

std::uint64_t NumberAfter(const std::string& text, const std::string& name) {
  for (const std::string& line : Split(text, '\n')) {
    if (line.rfind(name + " ", 0) != 0) continue;
    const auto number = ParseInt(line.substr(name.size() + 1));
    return number.ok() ? static_cast<std::uint64_t>(*number) : 0;
  }
  return 0;
}

void AppendPids(const std::string& dir, std::vector<pid_t>* pids) {
  if (const auto text = ReadFile(dir + "/cgroup.procs"); text.ok()) {
    for (const std::string& line : Split(*text, '\n')) {
      const auto pid = ParseInt(line);
      if (pid.ok() && *pid > 0) pids->push_back(static_cast<pid_t>(*pid));
    }
  }
  for (const std::string& child : Children(dir)) AppendPids(child, pids);
}

std::uint64_t ResidentBytes(pid_t pid) {
  const auto text = ReadFile("/proc/" + std::to_string(pid) + "/statm");
  if (!text.ok()) return 0;  // it has just ended
  const std::vector<std::string> fields = Split(*text, ' ');
  const auto pages = fields.size() > 1 ? ParseInt(fields[1]) : Result<std::int64_t>(0);
  return pages.ok() ? static_cast<std::uint64_t>(*pages * sysconf(_SC_PAGESIZE)) : 0;
}

// The kernel raises POLLPRI on cgroup.events when one of its lines has changed.
Status WaitFor(const std::string& dir, const std::string& line, Deadline deadline, int cancel_fd) {
  const UniqueFd events(open((dir + "/cgroup.events").c_str(), O_RDONLY | O_CLOEXEC));
  const Status gone = Unavailable("the VM's cgroup " + dir + " is gone");
  for (;;) {
    lseek(events.get(), 0, SEEK_SET);
    const auto text = ReadAll(events.get());
    if (!text.ok()) return gone;
    if (text->find(line) != std::string::npos) return OkStatus();
    pollfd entries[2] = {{events.get(), POLLPRI, 0}, {cancel_fd, POLLIN, 0}};
    const int count = poll(entries, 2, deadline.PollTimeout());
    if (count > 0 && entries[1].revents != 0) return Cancelled("cancelled while freezing the VM");
    if (count <= 0 && deadline.passed()) {
      return DeadlineExceeded("the VM's processes do not follow: no \"" + line + "\" in " + dir);
    }
  }
}

}  // namespace

std::string FindCgroup2(const std::string& mountinfo) {
  for (const std::string& line : Split(mountinfo, '\n')) {
    const std::vector<std::string> fields = Split(line, ' ');
    for (std::size_t i = 6; i + 1 < fields.size(); ++i) {
      if (fields[i] == "-" && fields[i + 1] == "cgroup2" && fields[3] == "/") return fields[4];
    }
  }
  return {};
}

std::string CgroupFor(const std::string& id, const std::string& run_dir) {
  const auto mounts = ReadFile("/proc/self/mountinfo");
  const std::string root = mounts.ok() ? FindCgroup2(*mounts) : "";
  if (root.empty() || access(root.c_str(), W_OK) < 0) return {};
  char hash[17];
  std::snprintf(hash, sizeof hash, "%016llx", static_cast<unsigned long long>(Hash(run_dir)));
  return root + kParent + "/" + id + "-" + hash;
}

Status RemoveCgroup(const std::string& dir) {
  if (dir.empty()) return OkStatus();
  int error = RemoveGroups(dir);
  if (error == EBUSY && WaitFor(dir, "populated 0", Deadline::After(kDying), -1).ok()) {
    error = RemoveGroups(dir);
  }
  if (error == EBUSY) return FailedPrecondition("cgroup " + dir + " still has processes");
  if (error != 0) return ErrnoStatus(error, "cannot remove the cgroup " + dir);
  rmdir(dir.substr(0, dir.rfind('/')).c_str());  // fails as long as there are others
  return OkStatus();
}

void SweepCgroups() {
  const auto mounts = ReadFile("/proc/self/mountinfo");
  const std::string root = mounts.ok() ? FindCgroup2(*mounts) : "";
  if (root.empty()) return;
  for (const std::string& dir : Children(root + kParent)) {
    // One that was just made may be empty too: who makes it is prepared for that.
    const auto events = ReadFile(dir + "/cgroup.events");
    if (events.ok() && events->find("populated 0") != std::string::npos) RemoveGroups(dir);
  }
  rmdir((root + kParent).c_str());
}

Status FreezeCgroup(const std::string& dir, bool frozen, Deadline deadline, int cancel_fd) {
  if (!WriteFile(dir + "/cgroup.freeze", frozen ? "1" : "0").ok()) {
    return Unavailable("the VM's cgroup " + dir + " is gone");
  }
  return WaitFor(dir, frozen ? "frozen 1" : "frozen 0", deadline, cancel_fd);
}

Result<CgroupUse> MeasureCgroup(const std::string& dir) {
  CgroupUse use;
  const auto stat = ReadFile(dir + "/cpu.stat");
  if (!stat.ok()) return Unavailable("the VM's cgroup " + dir + " is gone");
  use.cpu_ns = NumberAfter(*stat, "usage_usec") * 1000;
  AppendPids(dir, &use.pids);
  for (const pid_t pid : use.pids) use.resident_bytes += ResidentBytes(pid);
  return use;
}

Result<CgroupUse> MeasureProcess(pid_t pid) {
  const auto text = ReadFile("/proc/" + std::to_string(pid) + "/stat");
  if (!text.ok()) return Unavailable("process " + std::to_string(pid) + " is gone");
  const std::vector<std::string> fields = Split(text->substr(text->rfind(')') + 1), ' ');
  if (fields.size() < 14) return Internal("/proc/<pid>/stat is too short");
  const auto user = ParseInt(fields[12]);
  const auto system = ParseInt(fields[13]);
  CgroupUse use;
  if (user.ok() && system.ok()) {
    const auto ticks = static_cast<std::uint64_t>(*user + *system);
    use.cpu_ns = ticks * (1'000'000'000U / static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK)));
  }
  use.resident_bytes = ResidentBytes(pid);
  use.pids = {pid};
  return use;
}

}  // namespace shoji::process
