// Really starts a process, as the host's shoji.spawn/1 does: for FakeHost.
//
// Threads  Safe. Between fork() and exec() nothing is allocated.
// Example  std::int32_t pid, pidfd; SHOJI_RETURN_IF_ERROR(ForkAndExec(args, &pid, &pidfd));
#ifndef SHOJI_SDK_TESTING_FAKE_SPAWN_H_
#define SHOJI_SDK_TESTING_FAKE_SPAWN_H_

#include <linux/sched.h>
#include <sched.h>
#include <sys/fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "shoji/plugin/services.h"
#include "shoji/sdk/plugin.h"

namespace shoji::sdk::testing {
namespace internal {

constexpr int kHighFd = 100;  // where descriptors wait until their own place is free

// What the child needs, made before fork().
struct ExecPlan {
  std::vector<std::string> texts;
  std::vector<char*> argv;
  std::vector<char*> env;
  std::vector<shoji_fd_map> fds;
  std::string cwd;
  std::string netns;
  std::int32_t join_pid = 0;
  bool new_session = false;
  bool new_pid_namespace = false;
  bool controlling_terminal = false;
};

inline ExecPlan PlanOf(const shoji_spawn_args& args) {
  ExecPlan plan;
  for (std::uint32_t i = 0; i < args.argc; ++i) plan.texts.push_back(String(args.argv[i]));
  for (std::uint32_t i = 0; i < args.env_count; ++i) plan.texts.push_back(String(args.env[i]));
  plan.texts.push_back("SHOJI_SANDBOX_DIR=/fake/sandboxes/" + String(args.sandbox_id));
  for (std::size_t i = 0; i < plan.texts.size(); ++i) {
    (i < args.argc ? plan.argv : plan.env).push_back(plan.texts[i].data());
  }
  for (char** entry = environ; *entry != nullptr; ++entry) plan.env.push_back(*entry);
  plan.argv.push_back(nullptr);
  plan.env.push_back(nullptr);
  plan.fds.assign(args.fds, args.fds + args.fd_count);
  plan.cwd = args.cwd.size == 0 ? "/" : String(args.cwd);
  plan.new_session = (args.flags & SHOJI_SPAWN_SETSID) != 0;
  plan.new_pid_namespace = (args.flags & SHOJI_SPAWN_NEWPID) != 0;
  plan.controlling_terminal = (args.flags & SHOJI_SPAWN_CTTY) != 0;
  if (args.struct_size >= sizeof args) {  // not by a plugin of the first release
    plan.netns = String(args.netns);
    plan.join_pid = args.join_pid;
  }
  return plan;
}

// In the child: 0, 1, 2 are /dev/null unless named; the rest is closed at exec.
inline bool PlaceFds(const ExecPlan& plan) {
  for (int i = 0; i < 3; ++i) {
    const int null = open("/dev/null", O_RDWR);
    if (null < 0 || (null != i && dup2(null, i) < 0)) return false;
    if (null > 2) close(null);
  }
  for (const shoji_fd_map& map : plan.fds) {
    const int high = map.host_fd;  // moved out of the way by the parent
    if (high == map.child_fd ? fcntl(high, F_SETFD, 0) < 0 : dup2(high, map.child_fd) < 0) {
      return false;
    }
  }
  return true;
}

inline bool EnterNetwork(const ExecPlan& plan) {
  if (plan.netns.empty()) return true;
  const int fd = open(plan.netns.c_str(), O_RDONLY | O_CLOEXEC);
  return fd >= 0 && setns(fd, CLONE_NEWNET) == 0;
}

// A fork, into the PID namespace that is asked for.
inline pid_t Fork(const ExecPlan& plan) {
  clone_args how{};
  how.flags = plan.new_pid_namespace ? CLONE_NEWPID : 0;
  how.exit_signal = SIGCHLD;
  if (plan.join_pid == 0) return static_cast<pid_t>(syscall(SYS_clone3, &how, sizeof how));
  const int there = static_cast<int>(syscall(SYS_pidfd_open, plan.join_pid, 0));
  const int here = static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0));
  pid_t pid = -1;
  if (setns(there, CLONE_NEWPID) == 0) {
    pid = static_cast<pid_t>(syscall(SYS_clone3, &how, sizeof how));
    if (pid != 0) setns(here, CLONE_NEWPID);
  }
  const int error = errno;
  if (there >= 0) close(there);
  close(here);
  errno = error;
  return pid;
}

[[noreturn]] inline void RunChild(ExecPlan& plan, int report) {
  if (plan.new_session) setsid();
  const bool placed = EnterNetwork(plan) && PlaceFds(plan) &&
                      (!plan.controlling_terminal || ioctl(0, TIOCSCTTY, 0) == 0);
  if (placed && chdir(plan.cwd.c_str()) == 0) {
    execve(plan.argv[0], plan.argv.data(), plan.env.data());
  }
  const int error = errno;
  static_cast<void>(!write(report, &error, sizeof error));
  _exit(127);
}

inline Status SpawnFailed(const char* program, int error) {
  const StatusCode code = error == ENOENT   ? StatusCode::kNotFound
                          : error == EACCES ? StatusCode::kPermissionDenied
                                            : StatusCode::kResourceExhausted;
  return Status(code, std::string("cannot start \"") + program + "\": " + std::strerror(error))
      .WithErrno(error);
}

// Copies of the descriptors above all places; closed by the destructor.
struct HighFds {
  explicit HighFds(ExecPlan* plan) {
    for (shoji_fd_map& map : plan->fds) {
      map.host_fd = fcntl(map.host_fd, F_DUPFD_CLOEXEC, kHighFd);
      copies.push_back(map.host_fd);
    }
  }
  HighFds(const HighFds&) = delete;
  HighFds& operator=(const HighFds&) = delete;
  ~HighFds() {
    for (const int fd : copies) close(fd);
  }
  std::vector<int> copies;
};

}  // namespace internal

inline Status ForkAndExec(const shoji_spawn_args& args, std::int32_t* ret_pid,
                          std::int32_t* ret_pidfd) {
  if (args.argc == 0) return InvalidArgument("there is no program to start");
  internal::ExecPlan plan = internal::PlanOf(args);
  const internal::HighFds high(&plan);
  int report[2];
  if (pipe2(report, O_CLOEXEC) < 0) return internal::SpawnFailed(plan.argv[0], errno);
  // Above the places of the child's descriptors too.
  const int out = fcntl(report[1], F_DUPFD_CLOEXEC, internal::kHighFd);
  close(report[1]);
  const pid_t pid = internal::Fork(plan);
  if (pid == 0) internal::RunChild(plan, out);
  int error = pid < 0 ? errno : 0;
  close(out);
  if (pid > 0 && read(report[0], &error, sizeof error) != sizeof error) error = 0;
  close(report[0]);
  if (error != 0) {
    if (pid > 0) waitpid(pid, nullptr, 0);
    return internal::SpawnFailed(plan.argv[0], error);
  }
  *ret_pid = pid;
  *ret_pidfd = static_cast<std::int32_t>(syscall(SYS_pidfd_open, pid, 0));
  return OkStatus();
}

}  // namespace shoji::sdk::testing

#endif  // SHOJI_SDK_TESTING_FAKE_SPAWN_H_
