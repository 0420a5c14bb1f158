// Makes containers: namespaces, mounts, pivot_root, limits, and the processes in them.
//
// Purpose  The Linux side of the agent. Works on the OCI specification as it came over the
//          wire (grpc::Spec). Knows nothing of gRPC, of channels or of who waits for whom.
// Threads  One thread, as the whole agent: clone() without exec in a threaded process is
//          not safe.
// Waiting  What begins with Begin... waits for nothing but hooks that the agent runs itself; its
//          short form without waits for the child, however long that takes.
// Reaping  The caller reaps every child (SIGCHLD) and tells nobody here; `pid` of a Process
//          is valid until the caller has reaped it.
// Example
//     auto made = jail::Container::Create(id, spec, jail::Environment{});
//     if (!made.ok()) return made.status();         // nothing is left behind
//     Status started = made->container->Start();    // exec has succeeded when it is OK
//     ... read made->init.stdout_fd, reap made->init.pid ...
//     made->container->Destroy();
#ifndef SHOJI_GUEST_AGENT_JAIL_CONTAINER_H_
#define SHOJI_GUEST_AGENT_JAIL_CONTAINER_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "jail/pending.h"
#include "shoji-kata/oci.pb.h"
#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::jail {

// What all containers of a sandbox have in common.
struct Environment {
  std::string cgroup_root = "/sys/fs/cgroup";  // cgroup v2; empty: none on this machine
  std::string ipc_ns;  // path of the sandbox's shared ipc namespace; empty: own one each
  std::string mqueue;  // where the message queues of ipc_ns are mounted; empty: nowhere
  std::string uts_ns;  // same for the host name
  std::string pid_ns;  // same for processes; empty: own one each
  // Told of what went wrong without being an error (a poststop hook).
  std::function<void(const std::string&)> warn = [](const std::string&) {};
};

// A started process. The descriptors are the agent's ends, non-blocking, close-on-exec.
struct Process {
  pid_t pid = -1;      // in the agent's pid namespace
  UniqueFd stdin_fd;   // write; with a terminal: a duplicate of the pty
  UniqueFd stdout_fd;  // read; with a terminal: the pty master
  UniqueFd stderr_fd;  // read; none with a terminal
  bool terminal = false;
};

struct Started {};

class Container {
 public:
  struct Made;
  // Builds everything up to the point before exec; the init process waits for Start().
  // INVALID_ARGUMENT, NOT_FOUND, INTERNAL name the field of the specification, its value
  // and the system's reason.
  static Result<std::unique_ptr<Pending<Made>>> BeginCreate(const std::string& id,
                                                            const grpc::Spec& spec,
                                                            const Environment& environment);
  static Result<Made> Create(const std::string& id, const grpc::Spec& spec,
                             const Environment& environment);
  virtual ~Container() = default;  // destroys what Destroy() did not

  // Lets the init process exec; returns when it has. On failure the message begins with
  // "exec: " and the code is NOT_FOUND (no such command), PERMISSION_DENIED (not
  // executable) or what the system said; the init process then ends by itself. A start that is
  // given up kills it. What begins here ends before the container does.
  virtual Result<std::unique_ptr<Pending<Started>>> BeginStart() = 0;
  Status Start();

  // Runs another process in the container's namespaces, cgroup and limits; failures as
  // for Start().
  virtual Result<std::unique_ptr<Pending<Process>>> BeginExec(const grpc::Process& process) = 0;
  Result<Process> Exec(const grpc::Process& process);

  // Every process of the container, as pids of the agent's namespace.
  virtual Result<std::vector<pid_t>> Pids() = 0;
  // Signals all of them; success when there is none.
  virtual Status SignalAll(int signal) = 0;

  // The directory of its cgroup; empty: the guest has none.
  virtual std::string CgroupDir() const = 0;

  virtual Status Pause() = 0;  // cgroup freezer
  virtual Status Resume() = 0;
  virtual Status Update(const grpc::LinuxResources& resources) = 0;

  // SIGKILL to all, then cgroup, mounts and namespaces go. Idempotent. FAILED_PRECONDITION
  // while killed processes have not been reaped yet: reap and call again.
  virtual Status Destroy() = 0;
};

struct Container::Made {
  std::unique_ptr<Container> container;
  Process init;
};

}  // namespace shoji::jail

#endif  // SHOJI_GUEST_AGENT_JAIL_CONTAINER_H_
