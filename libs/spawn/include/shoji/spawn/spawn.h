// Starts a process and waits for it, by descriptor instead of by number.
//
// Purpose  clone() with a pidfd: no race with reused process ids, no SIGCHLD handler,
//          exec failures reported as errors of the call.
// Threads  Safe from any thread of a threaded process (only async-signal-safe work
//          between clone and exec).
// Example
//     SpawnOptions options;
//     options.argv = {"/usr/bin/qemu-system-x86_64", "--version"};
//     SHOJI_ASSIGN_OR_RETURN(Child child, Spawn(options));
//     SHOJI_ASSIGN_OR_RETURN(ExitStatus exit, child.Wait(Deadline::After(10s)));
#ifndef SHOJI_SPAWN_SPAWN_H_
#define SHOJI_SPAWN_SPAWN_H_

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "shoji/base/deadline.h"
#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji {

struct SpawnOptions {
  std::vector<std::string> argv;         // argv[0]: path of the program, or a name for $PATH
  std::string program;                   // runs this instead, under the name argv[0]
  std::vector<std::string> env;          // "NAME=value", added to the caller's environment
  bool only_env = false;                 // nothing of the caller's environment
  std::vector<std::pair<int, int>> fds;  // {descriptor here, number in the child}
  std::string cwd = "/";
  bool new_session = false;           // setsid()
  bool controlling_terminal = false;  // descriptor 0 becomes that of the new session
  bool new_pid_namespace = false;     // process 1 of its own
  pid_t join_pid_namespace = 0;       // that of this process; 0: ours
  std::string network_namespace;      // path; empty: ours
};
// Descriptors 0, 1, 2 that `fds` does not name are /dev/null; all others are closed.
// Signal mask and dispositions are the defaults. In whatever namespace, it is our child.

// How a process ended.
struct ExitStatus {
  int code = 0;    // exit code; meaningless when signal != 0
  int signal = 0;  // the signal that killed it, or 0
  // "exit status 1" or "killed by signal 9 (Killed)".
  std::string ToString() const;
};

// A child process. Destroying the handle neither ends nor reaps it.
class Child {
 public:
  Child() = default;
  Child(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }  // readable when the process has ended
  UniqueFd TakePidfd() { return std::move(pidfd_); }

  // Waits for the end and reaps. DEADLINE_EXCEEDED when it still runs.
  Result<ExitStatus> Wait(Deadline deadline = Deadline::Never());
  // Sends a signal; success when it has ended already.
  Status Signal(int signal);
  // SIGKILL, then Wait().
  Status Kill();

 private:
  pid_t pid_ = -1;
  UniqueFd pidfd_;
};

// NOT_FOUND or PERMISSION_DENIED name the program that cannot be run, or the namespace that cannot
// be joined; FAILED_PRECONDITION when the process 1 of `join_pid_namespace` has ended.
Result<Child> Spawn(const SpawnOptions& options);

// Runs to the end; gives what it wrote to stdout and stderr together (at most 1 MiB).
struct RunResult {
  ExitStatus exit;
  std::string output;
};
// When the time is up it is killed, with `new_session` its whole process group.
Result<RunResult> RunCommand(const SpawnOptions& options, Deadline deadline = Deadline::Never());

// A pidfd for a process that need not be a child. NOT_FOUND when there is none.
Result<UniqueFd> OpenPidfd(pid_t pid);

}  // namespace shoji

#endif  // SHOJI_SPAWN_SPAWN_H_
