#include "shoji/spawn/spawn.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>

#include "child_setup.h"
#include "shoji/base/errno.h"
#include "shoji/base/strings.h"

// clone() by the other name libc gives it. The thread sanitizer replaces clone() and takes a
// child in our memory for a fork of all of it.
extern "C" int __clone(int (*fn)(void*), void* stack, int flags, void* arg, ...) noexcept;

namespace shoji {
namespace {

using internal::ChildJob;
using internal::ChildStep;

constexpr std::size_t kStackSize = 64U << 10U;

std::string Quoted(const std::string& text) { return "\"" + text + "\""; }

// The child's stack, below it a page that faults.
class ChildStack {
 public:
  ChildStack()
      : base_(mmap(nullptr, kStackSize, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0)) {
    if (base_ != MAP_FAILED) mprotect(base_, 4096, PROT_NONE);
  }
  ~ChildStack() {
    if (base_ != MAP_FAILED) munmap(base_, kStackSize);
  }
  ChildStack(const ChildStack&) = delete;
  ChildStack& operator=(const ChildStack&) = delete;

  bool ok() const { return base_ != MAP_FAILED; }
  void* top() const { return static_cast<char*>(base_) + kStackSize; }

 private:
  void* base_;
};

// Keeps handlers of the caller out of the child while it runs in the caller's memory.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~AllSignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

bool HasNul(const std::string& text) { return text.find('\0') != std::string::npos; }

const std::string& ProgramOf(const SpawnOptions& options) {
  return options.program.empty() ? options.argv[0] : options.program;
}

Status CheckTexts(const SpawnOptions& options) {
  if (HasNul(options.program)) return InvalidArgument("the program to run has a zero byte");
  if (options.argv.empty() || options.argv[0].empty()) {
    return InvalidArgument("the command to run is empty");
  }
  for (const std::string& arg : options.argv) {
    if (HasNul(arg)) return InvalidArgument("an argument of the command has a zero byte");
  }
  for (const std::string& item : options.env) {
    if (HasNul(item) || item.find('=') == std::string::npos || item[0] == '=') {
      return InvalidArgument("environment entry " + Quoted(item) + " is not NAME=value");
    }
  }
  if (options.cwd.empty() || HasNul(options.cwd)) {
    return InvalidArgument("working directory " + Quoted(options.cwd) + " is not a path");
  }
  return OkStatus();
}

Status CheckFds(const std::vector<std::pair<int, int>>& sorted) {
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const auto [here, there] = sorted[i];
    if (here < 0 || there < 0 || there == INT_MAX || fcntl(here, F_GETFD) < 0) {
      return InvalidArgument("descriptor " + std::to_string(here) + " cannot be passed as " +
                             std::to_string(there) + ": not an open descriptor");
    }
    if (i > 0 && sorted[i - 1].second == there) {
      return InvalidArgument("descriptor " + std::to_string(there) + " is mapped twice");
    }
  }
  return OkStatus();
}

Status CheckNamespaces(const SpawnOptions& options) {
  if (options.join_pid_namespace < 0) {
    return InvalidArgument("process " + std::to_string(options.join_pid_namespace) +
                           " has no PID namespace to join");
  }
  if (options.new_pid_namespace && options.join_pid_namespace != 0) {
    return InvalidArgument("a process cannot have a new PID namespace and join another one");
  }
  if (options.controlling_terminal && !options.new_session) {
    return InvalidArgument("a controlling terminal needs a session of its own");
  }
  return OkStatus();
}

Result<UniqueFd> OpenNetwork(const std::string& path) {
  if (path.empty()) return UniqueFd();
  if (HasNul(path)) return InvalidArgument("the path of the network namespace has a zero byte");
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, "cannot open network namespace " + Quoted(path));
  return fd;
}

bool ByTarget(const std::pair<int, int>& a, const std::pair<int, int>& b) {
  return a.second < b.second;
}

// What is asked for plus `null` for the standard descriptors nobody named.
std::vector<std::pair<int, int>> FdsFor(const SpawnOptions& options, int null) {
  std::vector<std::pair<int, int>> fds = options.fds;
  for (int standard = 0; standard <= 2; ++standard) {
    const auto named = [standard](const auto& pair) { return pair.second == standard; };
    if (std::none_of(fds.begin(), fds.end(), named)) fds.emplace_back(null, standard);
  }
  std::sort(fds.begin(), fds.end(), ByTarget);
  return fds;
}

std::vector<std::string> CandidatesFor(const std::string& program) {
  if (program.find('/') != std::string::npos) return {program};
  const char* path = getenv("PATH");
  std::vector<std::string> out;
  for (const std::string& dir : Split(path != nullptr ? path : "/usr/bin:/bin", ':')) {
    out.push_back((dir.empty() ? "." : dir) + "/" + program);
  }
  return out;
}

std::string_view NameOf(std::string_view entry) { return entry.substr(0, entry.find('=')); }

std::vector<std::string> MergedEnv(const std::vector<std::string>& added, bool only) {
  if (only) return added;
  std::vector<std::string> out;
  const auto overridden = [&added](std::string_view entry) {
    return std::any_of(added.begin(), added.end(),
                       [&](const std::string& item) { return NameOf(item) == NameOf(entry); });
  };
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    if (!overridden(*entry)) out.emplace_back(*entry);
  }
  for (std::size_t i = 0; i < added.size(); ++i) {
    // The last of several with one name counts.
    const auto again = [&](const std::string& item) { return NameOf(item) == NameOf(added[i]); };
    const auto rest = added.begin() + static_cast<std::ptrdiff_t>(i) + 1;
    if (std::none_of(rest, added.end(), again)) out.push_back(added[i]);
  }
  return out;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

Status ExecError(const ChildJob& job, const std::string& program) {
  const std::string named = "program " + Quoted(program);
  struct stat st {};
  switch (job.error) {
    case ENOENT:
    case ENOTDIR:
      if (program.find('/') == std::string::npos) {
        return NotFound(named + " not found in $PATH").WithErrno(job.error);
      }
      if (stat(program.c_str(), &st) == 0) {
        return NotFound(named + " cannot be run: its interpreter does not exist")
            .WithErrno(job.error);
      }
      return NotFound(named + " not found").WithErrno(job.error);
    case EACCES:
    case EPERM:
      return PermissionDenied(named + " may not be executed").WithErrno(job.error);
    case ENOEXEC:
      return FailedPrecondition(named + " is not an executable for this machine")
          .WithErrno(job.error);
    default:
      return ErrnoStatus(job.error, "cannot run " + named);
  }
}

Status ChildError(const ChildJob& job, const SpawnOptions& options) {
  switch (job.step) {
    case ChildStep::kNetwork:
      return ErrnoStatus(job.error,
                         "cannot enter network namespace " + Quoted(options.network_namespace));
    case ChildStep::kTerminal:
      return ErrnoStatus(job.error, "cannot give " + Quoted(ProgramOf(options)) +
                                        " its controlling terminal (descriptor 0)");
    case ChildStep::kDescriptors:
      return ErrnoStatus(job.error, "cannot pass descriptors to " + Quoted(ProgramOf(options)));
    case ChildStep::kDirectory:
      return ErrnoStatus(job.error, "cannot enter directory " + Quoted(options.cwd));
    case ChildStep::kSession:
      return ErrnoStatus(job.error, "cannot create a session for " + Quoted(ProgramOf(options)));
    default:
      return ExecError(job, ProgramOf(options));
  }
}

// Where the next children of this thread are made, put back by the destructor.
class ChildrensPidNamespace {
 public:
  ChildrensPidNamespace() = default;
  ChildrensPidNamespace(const ChildrensPidNamespace&) = delete;
  ChildrensPidNamespace& operator=(const ChildrensPidNamespace&) = delete;
  // Nothing to do for 0.
  Status Enter(pid_t member) {
    if (member == 0) return OkStatus();
    SHOJI_ASSIGN_OR_RETURN(const UniqueFd pidfd, OpenPidfd(member));
    before_.reset(open("/proc/thread-self/ns/pid_for_children", O_RDONLY | O_CLOEXEC));
    if (!before_) return ErrnoStatus(errno, "cannot tell the PID namespace of this thread");
    if (setns(pidfd.get(), CLONE_NEWPID) == 0) return OkStatus();
    const int error = errno;
    before_.reset();
    const std::string what = "the PID namespace of process " + std::to_string(member);
    if (error == ESRCH) return NotFound(what + " is gone").WithErrno(error);
    return ErrnoStatus(error, "cannot enter " + what);
  }
  ~ChildrensPidNamespace() { (void)Leave(); }
  // Cannot fail but for a bug in the kernel: who comes from there may go back.
  bool Leave() {
    const bool left = !before_ || setns(before_.get(), CLONE_NEWPID) == 0;
    before_.reset();
    return left;
  }

 private:
  UniqueFd before_;
};

Status NoProcess(int error, const SpawnOptions& options) {
  // So the kernel says that nothing can be added to a namespace without its process 1.
  if (error == ENOMEM && options.join_pid_namespace != 0) {
    return FailedPrecondition("the PID namespace of process " +
                              std::to_string(options.join_pid_namespace) + " has ended")
        .WithErrno(error);
  }
  return ErrnoStatus(error, "cannot create a process for " + Quoted(ProgramOf(options)));
}

// Returns when the child has called exec, or failed to and is reaped.
Result<Child> Launch(ChildJob& job, const SpawnOptions& options) {
  const ChildStack stack;
  if (!stack.ok()) return ErrnoStatus(errno, "cannot allocate a stack for a child process");
  const int flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD |
                    (options.new_pid_namespace ? CLONE_NEWPID : 0);
  int raw_pidfd = -1;
  pid_t pid = -1;
  int error = 0;
  {
    const AllSignalsBlocked blocked;
    ChildrensPidNamespace space;
    SHOJI_RETURN_IF_ERROR(space.Enter(options.join_pid_namespace));
    pid = __clone(internal::RunChild, stack.top(), flags, &job, &raw_pidfd);
    error = errno;
  }
  if (pid < 0) return NoProcess(error, options);
  Child child(pid, UniqueFd(raw_pidfd));
  if (job.step == ChildStep::kNone) return child;
  SHOJI_RETURN_IF_ERROR(child.Wait().status());
  return ChildError(job, options);
}

}  // namespace

Result<Child> Spawn(const SpawnOptions& options) {
  SHOJI_RETURN_IF_ERROR(CheckTexts(options));
  SHOJI_RETURN_IF_ERROR(CheckNamespaces(options));
  UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return ErrnoStatus(errno, "cannot open /dev/null");

  ChildJob job;
  job.fds = FdsFor(options, null.get());
  SHOJI_RETURN_IF_ERROR(CheckFds(job.fds));
  job.staged.resize(job.fds.size());
  job.candidates = CandidatesFor(ProgramOf(options));
  std::vector<std::string> argv = options.argv;
  std::vector<std::string> env = MergedEnv(options.env, options.only_env);
  job.argv = Pointers(argv);
  job.env = Pointers(env);
  job.cwd = options.cwd.c_str();
  job.new_session = options.new_session;
  job.controlling_terminal = options.controlling_terminal;
  SHOJI_ASSIGN_OR_RETURN(const UniqueFd network, OpenNetwork(options.network_namespace));
  job.network = network.get();
  return Launch(job, options);
}

Result<UniqueFd> OpenPidfd(pid_t pid) {
  const long fd = syscall(SYS_pidfd_open, pid, 0);
  if (fd >= 0) return UniqueFd(static_cast<int>(fd));
  if (errno == ESRCH || errno == EINVAL || errno == ENOENT) {
    return NotFound("there is no process " + std::to_string(pid)).WithErrno(ESRCH);
  }
  return ErrnoStatus(errno, "cannot open a descriptor for process " + std::to_string(pid));
}

}  // namespace shoji
