// Processes, started by the host so that they can be found again after a crash.
//
// Purpose  A plugin never forks by itself: the host knows how, marks the process as the
//          sandbox's, and closes what must not be inherited. This is shoji.spawn/1 in C++.
// Threads  Spawn() is safe; a Process belongs to one thread at a time.
// Example
//     SHOJI_ASSIGN_OR_RETURN(Process vmm, Spawn(host, {.sandbox_id = id, .argv = {"/bin/vmm"}}));
//     SHOJI_RETURN_IF_ERROR(WaitUntilReady(call, vmm.pidfd(), POLLIN, "end of the VMM"));
#ifndef SHOJI_SDK_SPAWN_H_
#define SHOJI_SDK_SPAWN_H_

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "shoji/sdk/plugin.h"

namespace shoji::sdk {

// Each member has a default, so that none has to be named.
struct SpawnRequest {
  std::string sandbox_id = {};
  std::vector<std::string> argv = {};         // argv[0]: path of the program
  std::vector<std::string> env = {};          // added to the host's, "NAME=value"
  std::vector<std::pair<int, int>> fds = {};  // here, there; 0, 1, 2 not named are /dev/null
  bool new_session = true;                    // no signals from the caller's terminal
  std::string cwd = {};                       // empty: "/"
  bool new_pid_namespace = false;             // process 1 of its own
  bool controlling_terminal = false;          // descriptor 0 is that of the new session
  std::string netns = {};                     // path of a network namespace; empty: the host's
  std::int32_t join_pid = 0;                  // put into the PID namespace of this process
};

// A child of the host's process. The destructor lets it run on: Kill() and Reap() end it.
class Process {
 public:
  Process() = default;
  Process(int pid, int pidfd) : pid_(pid), pidfd_(pidfd) {}
  Process(Process&& other) noexcept
      : pid_(std::exchange(other.pid_, 0)), pidfd_(std::exchange(other.pidfd_, -1)) {}
  Process& operator=(Process&& other) noexcept {
    if (this != &other) {
      Close();
      pid_ = std::exchange(other.pid_, 0);
      pidfd_ = std::exchange(other.pidfd_, -1);
    }
    return *this;
  }
  ~Process() { Close(); }

  int pid() const { return pid_; }      // 0: none
  int pidfd() const { return pidfd_; }  // readable when it has ended

  // Success when it has ended already.
  Status Kill(int signal) const {
    if (pidfd_ < 0 || syscall(SYS_pidfd_send_signal, pidfd_, signal, nullptr, 0) == 0 ||
        errno == ESRCH) {
      return OkStatus();
    }
    return Status(StatusCode::kInternal,
                  "cannot send signal " + std::to_string(signal) + " to " + std::to_string(pid_))
        .WithErrno(errno);
  }

  // Waits for its end (see WaitUntilReady() for one with a deadline) and takes its status: that
  // of exit(), or 128 + signal; -1 when it is not our child, or reaped. pidfd() stays open.
  int Reap() const {
    siginfo_t info{};
    int got = -1;
    do {
      got = waitid(static_cast<idtype_t>(kPidfd), static_cast<id_t>(pidfd_), &info, WEXITED);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return -1;
    return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
  }

 private:
  static constexpr int kPidfd = 3;  // P_PIDFD, which older headers of libc lack
  void Close() {
    if (pidfd_ >= 0) close(pidfd_);
    pidfd_ = -1;
  }
  int pid_ = 0;
  int pidfd_ = -1;
};

namespace internal {

inline std::uint32_t SpawnFlags(const SpawnRequest& request) {
  return (request.new_session ? SHOJI_SPAWN_SETSID : 0U) |
         (request.new_pid_namespace ? SHOJI_SPAWN_NEWPID : 0U) |
         (request.controlling_terminal ? SHOJI_SPAWN_CTTY : 0U);
}

}  // namespace internal

// NOT_FOUND and PERMISSION_DENIED for the program or a namespace, FAILED_PRECONDITION on a host
// that starts no processes.
inline Result<Process> Spawn(const Host& host, const SpawnRequest& request) {
  const auto* service = host.Service<shoji_spawn_v1>(SHOJI_SPAWN_V1);
  if (!SHOJI_HAS_SLOT(shoji_spawn_v1, service, spawn)) {
    return FailedPrecondition("the host offers no " SHOJI_SPAWN_V1);
  }
  if (request.argv.empty()) return InvalidArgument("there is no program to start");
  std::vector<shoji_str> argv(request.argv.size());
  std::vector<shoji_str> env(request.env.size());
  std::vector<shoji_fd_map> fds;
  for (std::size_t i = 0; i < argv.size(); ++i) argv[i] = ToStr(request.argv[i]);
  for (std::size_t i = 0; i < env.size(); ++i) env[i] = ToStr(request.env[i]);
  for (const auto& [here, there] : request.fds) fds.push_back({here, there});
  shoji_spawn_args args{};
  args.struct_size = sizeof args;
  args.flags = internal::SpawnFlags(request);
  args.sandbox_id = ToStr(request.sandbox_id);
  args.argv = argv.data();
  args.argc = static_cast<std::uint32_t>(argv.size());
  args.env = env.data();
  args.env_count = static_cast<std::uint32_t>(env.size());
  args.fds = fds.data();
  args.fd_count = static_cast<std::uint32_t>(fds.size());
  args.cwd = ToStr(request.cwd);
  args.netns = ToStr(request.netns);
  args.join_pid = request.join_pid;
  std::int32_t pid = 0;
  std::int32_t pidfd = -1;
  const std::int32_t code = service->spawn(host.raw(), &args, &pid, &pidfd, nullptr);
  if (code == SHOJI_OK) return Process(pid, pidfd);
  const auto status_code = static_cast<StatusCode>(code);
  return Status(status_code, "cannot start \"" + request.argv[0] +
                                 "\": " + std::string(StatusCodeName(status_code)));
}

}  // namespace shoji::sdk

#endif  // SHOJI_SDK_SPAWN_H_
