#include "gc/processes.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <optional>
#include <thread>

#include "host/liveness.h"
#include "host/paths.h"
#include "shoji/base/deadline.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"
#include "shoji/base/unique_fd.h"

namespace shoji {
namespace {

constexpr auto kKillLimit = std::chrono::seconds(10);
constexpr int kRounds = 5;
// How often a process is looked at that may be in the middle of an exec, and how far apart.
constexpr int kLooks = 4;
constexpr auto kExecPause = std::chrono::milliseconds(2);

// The value of the marker in an environment ("A=1\0B=2\0"), if it is there.
std::optional<std::string> Marker(const std::string& environment) {
  const std::string name = std::string(kSandboxDirEnv) + "=";
  for (std::size_t at = 0; at < environment.size();) {
    const std::size_t end = std::min(environment.find('\0', at), environment.size());
    if (environment.compare(at, name.size(), name) == 0) {
      return environment.substr(at + name.size(), end - at - name.size());
    }
    at = end + 1;
  }
  return std::nullopt;
}

// False for a process that shows no environment just now: for a moment in the middle of an exec
// nobody can tell whose it is. The kernel's own have none ever, nor a program.
bool Looked(const std::string& name, std::map<std::string, std::vector<ProcessId>>& out) {
  const auto pid = ParseInt(name);
  if (!pid.ok() || *pid == getpid()) return true;
  const auto ticks = StartTicks(static_cast<std::int32_t>(*pid));
  const auto environment = ReadFile("/proc/" + name + "/environ", 4U << 20U);
  if (!ticks.ok() || !environment.ok()) return true;  // it has ended
  if (environment->empty()) {
    char program[1];
    return readlink(("/proc/" + name + "/exe").c_str(), program, sizeof program) < 0;
  }
  if (const auto dir = Marker(*environment)) {
    out[*dir].push_back({static_cast<std::int32_t>(*pid), *ticks});
  }
  return true;
}

Status KillAndWait(const ProcessId& process, Deadline deadline) {
  const UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, process.pid, 0)));
  if (!pidfd) return errno == ESRCH ? OkStatus() : ErrnoStatus(errno, "pidfd_open");
  // The descriptor is of this very process or of a later one with its number.
  if (!IsAlive(process)) return OkStatus();
  const std::string name = "process " + std::to_string(process.pid);
  if (syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0) < 0) {
    return errno == ESRCH ? OkStatus() : ErrnoStatus(errno, "cannot kill " + name);
  }
  struct pollfd item = {pidfd.get(), POLLIN, 0};
  while (poll(&item, 1, deadline.PollTimeout()) <= 0) {
    if (deadline.passed()) return DeadlineExceeded(name + " does not end after SIGKILL");
  }
  return OkStatus();
}

}  // namespace

Result<std::map<std::string, std::vector<ProcessId>>> MarkedProcesses() {
  SHOJI_ASSIGN_OR_RETURN(auto names, ListDir("/proc"));
  std::map<std::string, std::vector<ProcessId>> out;
  for (int look = 0; look < kLooks && !names.empty(); ++look) {
    if (look > 0) std::this_thread::sleep_for(kExecPause);
    std::erase_if(names, [&](const std::string& name) { return Looked(name, out); });
  }
  return out;
}

Status KillMarkedProcesses(const std::string& dir) {
  const Deadline deadline = Deadline::After(kKillLimit);
  // Again, because one may have started another while we looked.
  for (int round = 0; round < kRounds; ++round) {
    SHOJI_ASSIGN_OR_RETURN(const auto marked, MarkedProcesses());
    const auto found = marked.find(dir);
    if (found == marked.end()) return OkStatus();
    for (const ProcessId& process : found->second) {
      SHOJI_RETURN_IF_ERROR(KillAndWait(process, deadline));
    }
  }
  return Aborted("processes of " + dir + " start others faster than they can be killed");
}

}  // namespace shoji
