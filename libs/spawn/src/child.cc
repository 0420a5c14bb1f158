#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "shoji/base/errno.h"
#include "shoji/spawn/spawn.h"

namespace shoji {
namespace {

std::string Named(pid_t pid) { return "process " + std::to_string(pid); }

ExitStatus StatusOf(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) return {info.si_status, 0};
  return {0, info.si_status};
}

// Readable before the deadline?
Result<bool> PollIn(int fd, Deadline deadline) {
  for (;;) {
    pollfd entry{fd, POLLIN, 0};
    const int rc = poll(&entry, 1, deadline.PollTimeout());
    if (rc > 0) return true;
    if (rc < 0 && errno != EINTR) return ErrnoStatus(errno, "poll failed");
    if (rc == 0 && deadline.passed()) return false;
  }
}

}  // namespace

std::string ExitStatus::ToString() const {
  if (signal == 0) return "exit status " + std::to_string(code);
  const char* text = sigdescr_np(signal);
  return "killed by signal " + std::to_string(signal) + " (" +
         (text != nullptr ? text : "unknown signal") + ")";
}

Result<ExitStatus> Child::Wait(Deadline deadline) {
  if (!pidfd_) return FailedPrecondition("no process to wait for");
  SHOJI_ASSIGN_OR_RETURN(const bool ended, PollIn(pidfd_.get(), deadline));
  if (!ended) return DeadlineExceeded(Named(pid_) + " still runs");
  siginfo_t info{};
  int rc = 0;
  do {
    rc = waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd_.get()), &info, WEXITED);
  } while (rc < 0 && errno == EINTR);
  if (rc == 0) return StatusOf(info);
  if (errno == ECHILD) {
    return FailedPrecondition(Named(pid_) + " has ended and was reaped before").WithErrno(ECHILD);
  }
  return ErrnoStatus(errno, "cannot wait for " + Named(pid_));
}

Status Child::Signal(int signal) {
  if (!pidfd_) return FailedPrecondition("no process to signal");
  if (syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0) == 0 || errno == ESRCH) {
    return OkStatus();
  }
  return ErrnoStatus(errno, "cannot send signal " + std::to_string(signal) + " to " + Named(pid_));
}

Status Child::Kill() {
  SHOJI_RETURN_IF_ERROR(Signal(SIGKILL));
  return Wait().status();
}

}  // namespace shoji
