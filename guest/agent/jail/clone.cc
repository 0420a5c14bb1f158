#include "jail/clone.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "jail/channel.h"
#include "shoji/base/deadline.h"
#include "shoji/base/errno.h"

namespace shoji::jail {
namespace {

// How long a killed process may take to end.
constexpr std::chrono::milliseconds kGrace{200};

// Children of the caller go into another pid namespace while this lives.
class PidNamespaceForChildren {
 public:
  Status Enter(int fd) {
    own_ = UniqueFd(open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC));
    if (!own_) return ErrnoStatus(errno, "cannot open /proc/self/ns/pid");
    if (setns(fd, CLONE_NEWPID) == 0) return OkStatus();
    const int error = errno;
    own_.reset();
    return ErrnoStatus(error, "cannot join the pid namespace");
  }
  ~PidNamespaceForChildren() {
    if (own_) setns(own_.get(), CLONE_NEWPID);
  }

 private:
  UniqueFd own_;
};

// An ignored signal stays ignored over exec, a blocked one blocked.
void DefaultSignals() {
  for (int signal_number = 1; signal_number < NSIG; ++signal_number) {
    if (signal_number != SIGKILL && signal_number != SIGSTOP) signal(signal_number, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void RunChild(const std::function<int()>& body) {
  DefaultSignals();
  // Nobody in the container may look into a process that still is the agent's image.
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  _exit(body());
}

Result<Child> CloneHere(const CloneOptions& options, const std::function<int()>& body) {
  int pidfd = -1;
  clone_args args{};
  args.flags = options.namespaces | CLONE_PIDFD;
  args.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  if (options.cgroup_fd >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<std::uint64_t>(options.cgroup_fd);
  }
  const long pid = syscall(SYS_clone3, &args, sizeof args);
  if (pid < 0) return ErrnoStatus(errno, "cannot clone a process into its namespaces");
  if (pid == 0) RunChild(body);
  Child child;
  child.pid = static_cast<pid_t>(pid);
  child.pidfd = UniqueFd(pidfd);
  return child;
}

// A number that a child tells its parent.
class SharedNumber {
 public:
  SharedNumber()
      : at_(static_cast<pid_t*>(mmap(nullptr, sizeof(pid_t), PROT_READ | PROT_WRITE,
                                     MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {}
  ~SharedNumber() {
    if (ok()) munmap(at_, sizeof(pid_t));
  }
  SharedNumber(const SharedNumber&) = delete;
  SharedNumber& operator=(const SharedNumber&) = delete;
  bool ok() const { return at_ != MAP_FAILED; }
  pid_t& value() { return *at_; }

 private:
  pid_t* at_;
};

// In the process in between: the child becomes its sibling (CLONE_PARENT, which keeps SIGCHLD).
int CloneSibling(const CloneOptions& options, const std::function<int()>& body,
                 const Channel& channel, pid_t* pid) {
  if (const Status entered = options.enter(); !entered.ok()) {
    channel.SendFailure(entered);
    return 1;
  }
  clone_args args{};
  args.flags = options.namespaces | CLONE_PARENT;
  const long cloned = syscall(SYS_clone3, &args, sizeof args);
  if (cloned == 0) RunChild(body);
  if (cloned > 0) {
    *pid = static_cast<pid_t>(cloned);
    return 0;
  }
  channel.SendFailure(ErrnoStatus(errno, "cannot clone a process into its namespaces"));
  return 1;
}

Result<Child> CloneThrough(const CloneOptions& options, const std::function<int()>& body) {
  SHOJI_ASSIGN_OR_RETURN(auto ends, Channel::Make());
  SharedNumber pid;
  if (!pid.ok()) return ErrnoStatus(errno, "cannot share a page with the container's process");
  CloneOptions between;
  between.cgroup_fd = options.cgroup_fd;
  SHOJI_ASSIGN_OR_RETURN(Child helper, CloneHere(between, [&] {
                           return CloneSibling(options, body, ends.second, &pid.value());
                         }));
  ends.second.Close();
  helper.Wait();
  Child child;
  if (pid.value() == 0) {
    SHOJI_ASSIGN_OR_RETURN(Message message, ends.first.Receive());
    return message.failure.ok() ? Internal("the process before the container's was killed")
                                : std::move(message.failure);
  }
  child.pid = pid.value();
  child.pidfd = UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, child.pid, 0)));
  if (child.pidfd) return child;
  const int error = errno;
  child.Kill();
  return ErrnoStatus(error, "cannot open the container's process");
}

}  // namespace

void Child::Wait() {
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid = -1;
}

// By its descriptor: when somebody else has reaped it, its number may be another's.
void Child::Kill() {
  if (pid < 0) return;
  if (!pidfd) {
    kill(pid, SIGKILL);
    return Wait();
  }
  syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
  pollfd ended{pidfd.get(), POLLIN, 0};
  const Deadline deadline = Deadline::After(kGrace);
  int ready = 0;
  do {
    ready = poll(&ended, 1, deadline.PollTimeout());
  } while (ready < 0 && errno == EINTR);
  siginfo_t info{};
  while (ready > 0 && waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED) < 0 &&
         errno == EINTR) {
  }
  pid = -1;
}

Result<Child> Clone(const CloneOptions& options, const std::function<int()>& body) {
  if (options.enter) return CloneThrough(options, body);
  PidNamespaceForChildren pid_ns;
  if (options.pid_ns_fd >= 0) SHOJI_RETURN_IF_ERROR(pid_ns.Enter(options.pid_ns_fd));
  return CloneHere(options, body);
}

void CloseOthers(std::vector<int> keep) {
  std::sort(keep.begin(), keep.end());
  unsigned first = 3;
  for (const int fd : keep) {
    if (fd < static_cast<int>(first)) continue;
    const auto number = static_cast<unsigned>(fd);
    if (number > first) syscall(SYS_close_range, first, number - 1, 0);
    first = number + 1;
  }
  syscall(SYS_close_range, first, ~0U, 0);
}

}  // namespace shoji::jail
