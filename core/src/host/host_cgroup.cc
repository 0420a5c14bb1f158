#include "host/host_cgroup.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <set>

#include "host/undo.h"
#include "shoji/base/deadline.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"
#include "shoji/base/unique_fd.h"
#include "shoji/spawn/spawn.h"

namespace shoji {
namespace {

constexpr const char* kPrefix = "/shoji-";
constexpr std::size_t kRootDigits = 8;
constexpr auto kEmptyLimit = std::chrono::seconds(5);
constexpr int kEmptyPauseMs = 20;

// FNV-1a. Roots are few: this tells them apart, it protects nothing.
std::string RootDigits(const std::string& root) {
  std::uint32_t hash = 2166136261U;
  for (const char c : root) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  char digits[kRootDigits + 1];
  snprintf(digits, sizeof(digits), "%08x", hash);
  return digits;
}

bool HasPart(const std::string& options, const std::string& part) {
  const auto parts = Split(options, ',');
  return std::find(parts.begin(), parts.end(), part) != parts.end();
}

// Writes without making the file: a kernel that lacks it must be an error.
Status WriteTo(const std::string& path, const std::string& text) {
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, "cannot open " + path);
  if (write(fd.get(), text.data(), text.size()) < 0) {
    return ErrnoStatus(errno, "cannot write \"" + text + "\" to " + path);
  }
  return OkStatus();
}

// A v1 group takes no process before it has processors and memory nodes.
Status CopyCpuset(const std::string& parent, const std::string& path) {
  for (const char* file : {"/cpuset.cpus", "/cpuset.mems"}) {
    SHOJI_ASSIGN_OR_RETURN(const std::string own, ReadFile(path + file));
    if (!Trim(own).empty()) continue;
    SHOJI_ASSIGN_OR_RETURN(const std::string value, ReadFile(parent + file));
    SHOJI_RETURN_IF_ERROR(WriteTo(path + file, std::string(Trim(value))));
  }
  return OkStatus();
}

// So that limits can be set on the group. A parent that has processes itself refuses, and then
// there is nobody who could set any.
void EnableControllers(const std::string& parent) {
  const auto controllers = ReadFile(parent + "/cgroup.controllers");
  if (!controllers.ok()) return;
  for (const std::string& name : Split(Trim(*controllers), ' ')) {
    if (name == "cpu" || name == "memory" || name == "pids" || name == "io") {
      (void)WriteTo(parent + "/cgroup.subtree_control", "+" + name);
    }
  }
}

Status MakeOne(const CgroupHost::Hierarchy& hierarchy, const std::string& group, UndoStack& undo) {
  std::string path = hierarchy.mount;
  for (const std::string& part : Split(group.substr(1), '/')) {
    const std::string parent = path;
    path += "/" + part;
    if (hierarchy.v2) EnableControllers(parent);
    if (mkdir(path.c_str(), 0755) == 0) {
      undo.Push([path] { rmdir(path.c_str()); });
    } else if (errno != EEXIST) {
      return ErrnoStatus(errno, "cannot make control group " + path);
    }
    if (hierarchy.cpuset) SHOJI_RETURN_IF_ERROR(CopyCpuset(parent, path));
  }
  return OkStatus();
}

Status KillAll(const std::string& path) {
  SHOJI_ASSIGN_OR_RETURN(const std::string text, ReadFile(path + "/cgroup.procs"));
  for (const std::string& line : Split(Trim(text), '\n')) {
    const auto pid = ParseInt(line);
    if (!pid.ok() || *pid <= 0) continue;
    if (*pid == getpid()) {
      return FailedPrecondition("control group " + path + " holds this very process, " + line);
    }
    auto fd = OpenPidfd(static_cast<pid_t>(*pid));
    if (!fd.ok()) continue;
    Child process(static_cast<pid_t>(*pid), std::move(*fd));
    // A number that is another process by now is not in the group any more.
    const auto again = ReadFile(path + "/cgroup.procs");
    const auto lines = again.ok() ? Split(Trim(*again), '\n') : std::vector<std::string>();
    if (std::find(lines.begin(), lines.end(), line) == lines.end()) continue;
    SHOJI_RETURN_IF_ERROR(process.Signal(SIGKILL));
    struct pollfd ended = {process.pidfd(), POLLIN, 0};
    poll(&ended, 1, kEmptyPauseMs);
  }
  return OkStatus();
}

// Processes leave a group a moment after their end: busy until then.
Status RemoveOne(const std::string& path) {
  const Deadline limit = Deadline::After(kEmptyLimit);
  for (;;) {
    if (rmdir(path.c_str()) == 0 || errno == ENOENT) return OkStatus();
    const int error = errno;
    if (error != EBUSY || limit.passed()) {
      return ErrnoStatus(error, "cannot remove control group " + path);
    }
    SHOJI_RETURN_IF_ERROR(KillAll(path));
    poll(nullptr, 0, kEmptyPauseMs);
  }
}

// False where something else is mounted over it, which mountinfo does not tell.
bool IsShown(const std::string& mount) {
  struct statfs info = {};
  return statfs(mount.c_str(), &info) == 0 &&
         (info.f_type == CGROUP_SUPER_MAGIC || info.f_type == CGROUP2_SUPER_MAGIC);
}

bool IsDirectory(const std::string& path) {
  struct stat info = {};
  return lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

}  // namespace

Status ValidateCgroupParent(const std::string& parent) {
  const std::string named = "cgroup parent \"" + parent + "\"";
  if (parent.find(':') != std::string::npos) {
    return InvalidArgument(named +
                           " is of systemd's form; give the path below /sys/fs/cgroup, as "
                           "/kubepods.slice/pod7.slice");
  }
  if (parent.empty() || parent[0] != '/' || parent.find('\0') != std::string::npos) {
    return InvalidArgument(named + " is not an absolute path");
  }
  for (const std::string& part : Split(parent.substr(1), '/')) {
    if (part == "." || part == "..") return InvalidArgument(named + " has a part \"" + part + "\"");
  }
  return OkStatus();
}

std::string CgroupName(const std::string& root, const std::string& parent, const std::string& id) {
  std::string base = parent;
  while (!base.empty() && base.back() == '/') base.pop_back();
  return base + kPrefix + RootDigits(root) + "-" + id;
}

std::string SandboxOfCgroup(const std::string& root, const std::string& group) {
  const std::string start = kPrefix + RootDigits(root) + "-";
  const std::size_t slash = group.rfind('/');
  if (slash == std::string::npos || group.compare(slash, start.size(), start) != 0) return {};
  return group.substr(slash + start.size());
}

CgroupNote CgroupNote::Parse(std::string_view text) {
  const auto lines = Split(Trim(text), '\n');
  return {lines.empty() ? std::string() : lines[0], lines.size() > 1 ? lines[1] : std::string()};
}

std::string CgroupNote::ToText() const { return group + "\n" + new_parent; }

CgroupHost CgroupHost::Parse(std::string_view mountinfo) {
  std::vector<Hierarchy> out;
  std::set<std::string> seen;  // several mounts of one hierarchy
  for (const std::string& line : Split(mountinfo, '\n')) {
    const std::size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    const auto front = Split(std::string_view(line).substr(0, dash), ' ');
    const auto back = Split(std::string_view(line).substr(dash + 3), ' ');
    if (front.size() < 5 || back.size() < 3) continue;
    const bool v2 = back[0] == "cgroup2";
    // A hierarchy with a name only is systemd's bookkeeping of services.
    if (!v2 && (back[0] != "cgroup" || back[2].find("name=") != std::string::npos)) continue;
    if (!seen.insert(front[2]).second || front[3] != "/") continue;
    out.push_back({front[4], v2, !v2 && HasPart(back[2], "cpuset")});
  }
  return CgroupHost(std::move(out));
}

Result<CgroupHost> CgroupHost::Find() {
  SHOJI_ASSIGN_OR_RETURN(const std::string text, ReadFile("/proc/self/mountinfo"));
  CgroupHost host = Parse(text);
  std::erase_if(host.hierarchies_, [](const Hierarchy& h) { return !IsShown(h.mount); });
  return host;
}

Status CgroupHost::Make(const std::string& group) const {
  if (hierarchies_.empty()) {
    return FailedPrecondition("cannot make control group " + group +
                              ": no cgroup file system is mounted here");
  }
  UndoStack undo;
  for (const Hierarchy& hierarchy : hierarchies_) {
    SHOJI_RETURN_IF_ERROR(MakeOne(hierarchy, group, undo));
  }
  undo.Commit();
  return OkStatus();
}

Status CgroupHost::Join(const std::string& group, std::int32_t pid) const {
  for (const Hierarchy& hierarchy : hierarchies_) {
    const Status joined = WriteTo(hierarchy.mount + group + "/cgroup.procs", std::to_string(pid));
    if (!joined.ok() && joined.sys_errno() != ESRCH) return joined;
  }
  return OkStatus();
}

namespace {

// As far as nobody else is in them.
void RemoveEmptyParents(const std::string& mount, std::string group) {
  for (std::size_t slash = group.rfind('/'); slash != 0 && slash != std::string::npos;
       slash = group.rfind('/')) {
    group.resize(slash);
    if (rmdir((mount + group).c_str()) < 0) return;
  }
}

}  // namespace

// Beside controllers of v1, engines know nothing of the tree of v2: its parents are ours.
Status CgroupHost::Remove(const std::string& group) const {
  const bool hybrid =
      std::any_of(hierarchies_.begin(), hierarchies_.end(), [](const auto& h) { return !h.v2; });
  Status first;
  for (const Hierarchy& hierarchy : hierarchies_) {
    Status removed = RemoveOne(hierarchy.mount + group);
    if (first.ok()) first = std::move(removed);
    if (hybrid && hierarchy.v2) RemoveEmptyParents(hierarchy.mount, group);
  }
  return first;
}

void CgroupHost::RemoveIfEmpty(const std::string& group) const {
  for (const Hierarchy& hierarchy : hierarchies_) rmdir((hierarchy.mount + group).c_str());
}

bool CgroupHost::Exists(const std::string& group) const {
  return std::any_of(hierarchies_.begin(), hierarchies_.end(), [&](const Hierarchy& hierarchy) {
    return IsDirectory(hierarchy.mount + group);
  });
}

std::vector<std::string> CgroupHost::Children(const std::string& parent) const {
  std::set<std::string> out;
  for (const Hierarchy& hierarchy : hierarchies_) {
    const auto names = ListDir(hierarchy.mount + parent);
    for (const std::string& name : names.ok() ? *names : std::vector<std::string>()) {
      if (IsDirectory(hierarchy.mount + parent + "/" + name)) out.insert(name);
    }
  }
  return {out.begin(), out.end()};
}

}  // namespace shoji
