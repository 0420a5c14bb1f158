#include "process.h"

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <utility>

#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"
#include "shoji/spawn/spawn.h"

namespace shoji::proxies {

namespace {

constexpr auto kPidfd = static_cast<idtype_t>(3);  // P_PIDFD, which older headers of libc lack
constexpr std::size_t kStartField = 22;
constexpr std::chrono::seconds kKillTime(5);

Status Signal(int pidfd, int signal) {
  if (syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) == 0 || errno == ESRCH) {
    return OkStatus();
  }
  return ErrnoStatus(errno, "cannot end the proxy's process");
}

bool AwaitEnd(int pidfd, Deadline deadline) {
  pollfd p{pidfd, POLLIN, 0};
  while (true) {
    const int ready = poll(&p, 1, deadline.PollTimeout());
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

siginfo_t Look(int pidfd, int options) {
  siginfo_t info{};
  if (waitid(kPidfd, static_cast<id_t>(pidfd), &info, WEXITED | WNOHANG | options) < 0) info = {};
  return info;
}

}  // namespace

Result<std::uint64_t> StartTicks(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  SHOJI_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, 4096));
  // The name, field 2, is in parentheses and may hold anything.
  const std::size_t behind = text.rfind(") ");
  if (behind == std::string::npos) return Internal("cannot read " + path);
  const std::vector<std::string> fields = Split(std::string_view(text).substr(behind + 2), ' ');
  if (fields.size() <= kStartField - 3) return Internal("cannot read " + path);
  return std::strtoull(fields[kStartField - 3].c_str(), nullptr, 10);
}

UniqueFd FindProcess(pid_t pid, std::uint64_t start_ticks) {
  Result<UniqueFd> pidfd = OpenPidfd(pid);
  if (!pidfd.ok()) return {};
  // Asked after it was opened: the number cannot change hands any more unnoticed.
  const auto ticks = StartTicks(pid);
  if (!ticks.ok() || *ticks != start_ticks) return {};
  return std::move(*pidfd);
}

bool HasEnded(int pidfd) {
  pollfd p{pidfd, POLLIN, 0};
  return pidfd < 0 || poll(&p, 1, 0) > 0;
}

std::string HowItEnded(int pidfd) {
  if (pidfd < 0) return {};
  const siginfo_t info = Look(pidfd, WNOWAIT);
  if (info.si_pid == 0) return {};
  ExitStatus exit;
  (info.si_code == CLD_EXITED ? exit.code : exit.signal) = info.si_status;
  return exit.ToString();
}

Status EndProcess(int pidfd, Deadline patience) {
  if (pidfd < 0) return OkStatus();
  SHOJI_RETURN_IF_ERROR(Signal(pidfd, SIGTERM));
  if (!AwaitEnd(pidfd, patience)) {
    SHOJI_RETURN_IF_ERROR(Signal(pidfd, SIGKILL));
    if (!AwaitEnd(pidfd, Deadline::After(kKillTime))) {
      return DeadlineExceeded("the proxy's process does not end, even by SIGKILL");
    }
  }
  static_cast<void>(Look(pidfd, 0));
  return OkStatus();
}

}  // namespace shoji::proxies
