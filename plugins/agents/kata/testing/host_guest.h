// The real guest agent on the host, without a VM, for tests and benchmarks of its client.
//
// Purpose  It runs as PID 1 of namespaces of its own, so nothing of it outlives it. Needs root.
//          Its connector leads to it, and waits until it listens. With `cgroups` it uses those
//          of the machine: then remove every container, or a group stays behind.
// Threads  One; the connector any.
// Example  HostGuest guest(program); KataAgent agent{sdk::Connector(guest.connector())};
#ifndef SHOJI_AGENT_KATA_TESTING_HOST_GUEST_H_
#define SHOJI_AGENT_KATA_TESTING_HOST_GUEST_H_

#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>

#include "shoji/agent_dial/dial.h"
#include "shoji/base/private_mounts.h"
#include "shoji/plugin/agent.h"

namespace shoji::agent_kata {

class HostGuest {
 public:
  explicit HostGuest(std::string program, bool cgroups = false)
      : program_(std::move(program)), cgroups_(cgroups) {
    char dir[] = "/tmp/host-guest-XXXXXX";
    dir_ = mkdtemp(dir);
    for (const char* sub : {"/bin", "/proc", "/dev", "/sys", "/tmp"}) {
      std::filesystem::create_directories(root() + sub);
    }
    std::filesystem::copy("/bin/busybox", root() + "/bin/busybox");
    Start();
  }
  ~HostGuest() {
    End();
    std::filesystem::remove_all(dir_);
  }
  HostGuest(const HostGuest&) = delete;
  HostGuest& operator=(const HostGuest&) = delete;

  void Start() {
    const long flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET;
    const long child = syscall(SYS_clone, flags | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
    if (child == 0) Run();
    pid_ = static_cast<pid_t>(child);
  }
  // A power cut.
  void End() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  void Signal(int signal) const { kill(pid_, signal); }
  // A file of the guest, as seen from here.
  std::string Inside(const std::string& path) const {
    return "/proc/" + std::to_string(pid_) + "/root" + path;
  }
  std::string root() const { return dir_ + "/rootfs"; }

  shoji_connector connector() {
    shoji_connector out{};
    out.struct_size = sizeof out;
    out.ctx = this;
    out.connect = [](void* self, const shoji_call*, std::int32_t* fd, shoji_error*) {
      Result<UniqueFd> made = static_cast<HostGuest*>(self)->Dial();
      if (made.ok()) *fd = made->release();
      return made.ok() ? SHOJI_OK : SHOJI_UNAVAILABLE;
    };
    return out;
  }
  // An OCI specification for /bin/busybox; `args` is JSON: "\"sleep\",\"1\"".
  std::string Spec(const std::string& args) const {
    return R"({"ociVersion":"1.0.2","root":{"path":")" + root() +
           R"("},"process":{"args":["/bin/busybox",)" + args + R"(],"env":["PATH=/bin"],"cwd":"/"},
               "linux":{"namespaces":[{"type":"mount"},{"type":"ipc"},{"type":"uts"}]}})";
  }

 private:
  Result<UniqueFd> Dial() const {
    const AgentAddress address{AgentAddress::Kind::kUnix, dir_ + "/agent.sock", 0, 0};
    const Deadline limit = Deadline::After(std::chrono::seconds(20));
    while (true) {
      Result<UniqueFd> fd = DialAgent(address, {limit, -1});
      // When the agent has ended, nobody will ever listen.
      if (fd.ok() || limit.passed() || pid_ <= 0) return fd;
      usleep(1000);
    }
  }
  [[noreturn]] void Run() const {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const std::string address = "unix://" + dir_ + "/agent.sock";
    const bool ready = MakeMountsPrivate().ok() &&
                       mount("proc", "/proc", "proc", 0, nullptr) == 0 &&
                       mount("tmpfs", "/run", "tmpfs", 0, "mode=0755") == 0;
    // Without: the machine's own tree is not for the agent.
    mount(cgroups_ ? "cgroup2" : "tmpfs", "/sys/fs/cgroup", cgroups_ ? "cgroup2" : "tmpfs", 0,
          nullptr);
    if (ready) execl(program_.c_str(), "shoji-agent", "--listen", address.c_str(), nullptr);
    _exit(99);
  }

  const std::string program_;
  const bool cgroups_;
  std::string dir_;
  pid_t pid_ = -1;
};

}  // namespace shoji::agent_kata

#endif  // SHOJI_AGENT_KATA_TESTING_HOST_GUEST_H_
