#include "jail/child_init.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "jail/child_exec.h"
#include "jail/clone.h"
#include "jail/devices.h"
#include "jail/identity.h"
#include "jail/masks.h"
#include "jail/mounts.h"
#include "jail/pivot.h"
#include "jail/resolve.h"
#include "jail/sysctl.h"
#include "jail/terminal.h"
#include "shoji/base/errno.h"

namespace shoji::jail {
namespace {

constexpr int kFailed = 127;  // as a shell says "cannot be run"

std::vector<int> Needed(const Channel& channel, const StdioPipes& pipes) {
  std::vector<int> fds = {channel.fd()};
  for (const UniqueFd& end : pipes.container) fds.push_back(end.get());
  return fds;
}

// Other containers' pipes must not be held open here while this one waits for its start.
void KeepOnly(const Plan& plan, const Channel& channel, const StdioPipes& pipes) {
  std::vector<int> fds = Needed(channel, pipes);
  for (const JoinedNamespace& ns : plan.namespaces.joined) fds.push_back(ns.fd.get());
  CloseOthers(std::move(fds));
}

Status EnterNamespaces(const Plan& plan) {
  // With users of its own it was cloned where the others are joined already.
  SHOJI_RETURN_IF_ERROR(plan.namespaces.has_users() ? BecomeRootInside()
                                                    : JoinNamespaces(plan.namespaces));
  // Not with clone3: the root of a cgroup namespace is the cgroup of who makes it.
  if (plan.namespaces.own_cgroup && unshare(CLONE_NEWCGROUP) < 0)
    return ErrnoStatus(errno, "cannot make a cgroup namespace");
  if (plan.namespaces.own_net) SHOJI_RETURN_IF_ERROR(RaiseLoopback());
  if (plan.namespaces.own_uts && !plan.hostname.empty() &&
      sethostname(plan.hostname.data(), plan.hostname.size()) < 0)
    return ErrnoStatus(errno, "hostname: cannot set \"" + plan.hostname + "\"");
  // Nobody else sets that of the sandbox; its host name the runtime does.
  if (!plan.domainname.empty() && setdomainname(plan.domainname.data(), plan.domainname.size()) < 0)
    return ErrnoStatus(errno, "domainname: cannot set \"" + plan.domainname + "\"");
  return OkStatus();
}

// A whole /dev of the guest is bound in: then its nodes are the guest's business.
bool DevIsBound(const Plan& plan) {
  return std::any_of(plan.mounts.begin(), plan.mounts.end(), [](const MountPlan& m) {
    return m.options.bind && (m.destination == "/dev" || m.destination == "/dev/");
  });
}

Status Protect(int root_fd, const Plan& plan) {
  SHOJI_RETURN_IF_ERROR(SealMounts(root_fd, plan.mounts));
  SHOJI_RETURN_IF_ERROR(ApplySysctl(plan.sysctl));
  for (const std::string& path : plan.readonly_paths)
    SHOJI_RETURN_IF_ERROR(ReadonlyPath(root_fd, path));
  Masks masks(root_fd);
  for (const std::string& path : plan.masked_paths) SHOJI_RETURN_IF_ERROR(masks.Cover(path));
  if (!plan.rootfs_readonly) return OkStatus();
  return AddMountFlags(root_fd, MS_RDONLY).WithContext("root.readonly");
}

Status MakeWorkingDirectory(int root_fd, const std::string& cwd) {
  const Result<UniqueFd> dir = EnsureDir(root_fd, cwd, 0755);
  // Present but not a directory, or on a read-only file system: chdir tells.
  if (dir.ok()) return OkStatus();
  return std::move(Result<UniqueFd>(dir.status())).status().WithContext("process.cwd");
}

Status MakeTerminal(int root_fd, const ProcessPlan& process, const Channel& channel, Pty* pty) {
  SHOJI_ASSIGN_OR_RETURN(*pty, OpenPty(root_fd, process));
  SHOJI_RETURN_IF_ERROR(channel.Send(Word::kTerminal, pty->master.get()));
  pty->master.reset();
  return OkStatus();
}

Status MakeTerminalHere(const ProcessPlan& process, const Channel& channel, Pty* pty) {
  if (!process.terminal) return OkStatus();
  const UniqueFd root(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  return MakeTerminal(root.get(), process, channel, pty);
}

// The agent runs its hooks first.
Status HooksBeforePivot(const Plan& plan, pid_t outside, const Channel& channel) {
  if (!plan.hooks.before_pivot()) return OkStatus();
  SHOJI_RETURN_IF_ERROR(channel.Send(Word::kMounted));
  SHOJI_ASSIGN_OR_RETURN(Message go, channel.Expect(Word::kGo, "hooks ran"));
  return RunHooks("createContainer", plan.hooks.create_container,
                  StateText(plan.hooks, "creating", outside));
}

// In the mounts of another container everything is as that one has made it.
Status UseRoot(const Plan& plan, pid_t outside, const Channel& channel, Pty* pty) {
  SHOJI_RETURN_IF_ERROR(MakeTerminalHere(plan.process, channel, pty));
  SHOJI_RETURN_IF_ERROR(ApplySysctl(plan.sysctl));
  return HooksBeforePivot(plan, outside, channel);
}

Status BuildRoot(const Plan& plan, pid_t outside, const Channel& channel, Pty* pty) {
  if (plan.namespaces.joined_mounts) return UseRoot(plan, outside, channel, pty);
  SHOJI_ASSIGN_OR_RETURN(const UniqueFd root, OpenRoot(plan));
  SHOJI_RETURN_IF_ERROR(MountAll(root.get(), plan.mounts));
  if (!DevIsBound(plan)) SHOJI_RETURN_IF_ERROR(CreateDevices(root.get(), plan.devices));
  if (plan.process.terminal) {
    SHOJI_RETURN_IF_ERROR(MakeTerminal(root.get(), plan.process, channel, pty));
    SHOJI_RETURN_IF_ERROR(BindConsole(root.get(), pty->slave.get()));
  }
  SHOJI_RETURN_IF_ERROR(MakeWorkingDirectory(root.get(), plan.process.cwd));
  SHOJI_RETURN_IF_ERROR(Protect(root.get(), plan));
  SHOJI_RETURN_IF_ERROR(HooksBeforePivot(plan, outside, channel));
  return PivotTo(root.get(), plan.propagation);
}

Status TakeStreams(const ProcessPlan& process, Pty* pty, StdioPipes* pipes) {
  if (setsid() < 0) return ErrnoStatus(errno, "cannot begin a session");
  if (!process.terminal) return pipes->TakeInChild(process.uid, process.gid);
  SHOJI_RETURN_IF_ERROR(TakeTerminal(pty->slave.get()));
  pty->slave.reset();
  return OkStatus();
}

// This process as the agent knows it; before /proc is the container's.
pid_t OutsidePid() {
  char text[16] = {};
  if (readlink("/proc/self", text, sizeof text - 1) < 0) return 0;
  return static_cast<pid_t>(std::strtol(text, nullptr, 10));
}

Status PrepareInit(const Plan& plan, pid_t outside, const Channel& channel, StdioPipes* pipes) {
  umask(0);  // modes here are meant as they are written
  SHOJI_ASSIGN_OR_RETURN(Message go, channel.Expect(Word::kGo, "it waited for its ids"));
  SHOJI_RETURN_IF_ERROR(EnterNamespaces(plan));
  Pty pty;
  SHOJI_RETURN_IF_ERROR(BuildRoot(plan, outside, channel, &pty));
  SHOJI_RETURN_IF_ERROR(TakeStreams(plan.process, &pty, pipes));
  SHOJI_RETURN_IF_ERROR(BecomeUser(plan.process));
  return channel.Send(Word::kReady);
}

Status JoinTarget(const ExecTarget& target) {
  int kinds = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP;
  if (target.user_namespace) kinds |= CLONE_NEWUSER;
  if (setns(target.pidfd, kinds) < 0)
    return ErrnoStatus(errno, "cannot join the namespaces of the container");
  return target.user_namespace ? BecomeRootInside() : OkStatus();
}

Status PrepareExec(const ExecTarget& target, const ProcessPlan& process, const Channel& channel,
                   StdioPipes* pipes) {
  SHOJI_ASSIGN_OR_RETURN(Message go, channel.Expect(Word::kGo, "it waited for its start"));
  SHOJI_RETURN_IF_ERROR(JoinTarget(target));
  Pty pty;
  SHOJI_RETURN_IF_ERROR(MakeTerminalHere(process, channel, &pty));
  SHOJI_RETURN_IF_ERROR(TakeStreams(process, &pty, pipes));
  return BecomeUser(process);
}

int Report(const Channel& channel, const Status& status) {
  channel.SendFailure(status);
  return kFailed;
}

}  // namespace

int RunInit(const Plan& plan, const Channel& channel, StdioPipes* pipes) {
  KeepOnly(plan, channel, *pipes);
  const pid_t outside = OutsidePid();
  if (const Status status = PrepareInit(plan, outside, channel, pipes); !status.ok())
    return Report(channel, status);
  // Nobody left to start it: the container was destroyed.
  const Result<Message> start = channel.Receive();
  if (!start.ok() || start->word != Word::kStart) return kFailed;
  const Status ran = RunHooks("startContainer", plan.hooks.start_container,
                              StateText(plan.hooks, "created", outside));
  return Report(channel, ran.ok() ? ExecProgram(plan.process) : ran);
}

int RunExec(const ExecTarget& target, const ProcessPlan& process, const Channel& channel,
            StdioPipes* pipes) {
  std::vector<int> fds = Needed(channel, *pipes);
  fds.push_back(target.pidfd);
  CloseOthers(std::move(fds));
  Status status = PrepareExec(target, process, channel, pipes);
  if (!status.ok()) {
    return Report(channel, std::move(status).WithContext("exec: \"" + process.args[0] + "\""));
  }
  return Report(channel, ExecProgram(process));
}

}  // namespace shoji::jail
