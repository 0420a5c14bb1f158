#include "child_setup.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdint>

namespace shoji::internal {
namespace {

// Direct system calls: a sanitizer's wrappers would write down in the memory shared with
// the parent what only the child did.
template <typename... Args>
long Sys(long number, Args... args) {
  return syscall(number, args...);
}

bool Fail(ChildJob& job, ChildStep step) {
  job.step = step;
  job.error = errno;
  return false;
}

// All zero: SIG_DFL, no flags, empty mask. The kernel's layout, not libc's.
struct KernelSigaction {
  void* handler = nullptr;
  unsigned long flags = 0;
  void* restorer = nullptr;
  std::uint64_t mask = 0;
};

void ResetSignals() {
  const KernelSigaction defaults;
  for (int signal = 1; signal <= 64; ++signal) {
    // SIGKILL and SIGSTOP refuse, and need nothing.
    Sys(SYS_rt_sigaction, signal, &defaults, nullptr, sizeof(defaults.mask));
  }
  const std::uint64_t none = 0;
  Sys(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof(none));
}

// Sources first move above every target, so that no target overwrites a source.
bool MoveDescriptors(ChildJob& job) {
  const int above = job.fds.back().second + 1;
  for (std::size_t i = 0; i < job.fds.size(); ++i) {
    const long staged = Sys(SYS_fcntl, job.fds[i].first, F_DUPFD_CLOEXEC, above);
    if (staged < 0) return Fail(job, ChildStep::kDescriptors);
    job.staged[i] = static_cast<int>(staged);
  }
  for (std::size_t i = 0; i < job.fds.size(); ++i) {
    if (Sys(SYS_dup3, job.staged[i], job.fds[i].second, 0) < 0) {
      return Fail(job, ChildStep::kDescriptors);
    }
  }
  return true;
}

bool CloseOthers(ChildJob& job) {
  unsigned from = 0;
  for (const auto& [source, target] : job.fds) {
    const auto kept = static_cast<unsigned>(target);
    if (from < kept && Sys(SYS_close_range, from, kept - 1, 0) < 0) {
      return Fail(job, ChildStep::kDescriptors);
    }
    from = kept + 1;
  }
  if (Sys(SYS_close_range, from, UINT_MAX, 0) < 0) return Fail(job, ChildStep::kDescriptors);
  return true;
}

// Like execvp(): a directory of $PATH that cannot be used does not end the search, and
// "not permitted" is remembered over "not there".
void Exec(ChildJob& job) {
  int error = ENOENT;
  for (const std::string& path : job.candidates) {
    Sys(SYS_execve, path.c_str(), job.argv.data(), job.env.data());
    if (errno == EACCES) error = EACCES;
    if (errno != EACCES && errno != ENOENT && errno != ENOTDIR) {
      error = errno;
      break;
    }
  }
  errno = error;
  Fail(job, ChildStep::kExec);
}

// Of us alone: memory is shared with the parent, namespaces are not.
bool EnterNetwork(ChildJob& job) {
  if (job.network < 0 || Sys(SYS_setns, job.network, CLONE_NEWNET) == 0) return true;
  return Fail(job, ChildStep::kNetwork);
}

bool MakeSession(ChildJob& job) {
  if (job.new_session && Sys(SYS_setsid) < 0) return Fail(job, ChildStep::kSession);
  if (!job.controlling_terminal || Sys(SYS_ioctl, 0, TIOCSCTTY, 0) == 0) return true;
  return Fail(job, ChildStep::kTerminal);
}

void Run(ChildJob& job) {
  if (!EnterNetwork(job) || !MoveDescriptors(job) || !CloseOthers(job) || !MakeSession(job)) return;
  if (Sys(SYS_chdir, job.cwd) < 0) {
    Fail(job, ChildStep::kDirectory);
    return;
  }
  ResetSignals();
  Exec(job);
}

}  // namespace

int RunChild(void* job) {
  Run(*static_cast<ChildJob*>(job));
  Sys(SYS_exit_group, 127);
  return 127;
}

}  // namespace shoji::internal
