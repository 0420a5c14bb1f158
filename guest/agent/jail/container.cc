#include "jail/container.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "jail/cgroup.h"
#include "jail/channel.h"
#include "jail/child_init.h"
#include "jail/clone.h"
#include "jail/pids.h"
#include "jail/plan.h"
#include "jail/streams.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/socket.h"

namespace shoji::jail {
namespace {

Status SetOomScore(pid_t pid, std::int64_t score) {
  return WriteFile("/proc/" + std::to_string(pid) + "/oom_score_adj", std::to_string(score))
      .WithContext("process.oomScoreAdj");
}

Status UseTerminal(UniqueFd master, Process* process) {
  SHOJI_RETURN_IF_ERROR(SetNonBlocking(master.get(), true));
  process->stdin_fd = UniqueFd(fcntl(master.get(), F_DUPFD_CLOEXEC, 3));
  if (!process->stdin_fd) return ErrnoStatus(errno, "cannot duplicate the terminal");
  process->stdout_fd = std::move(master);
  process->terminal = true;
  return OkStatus();
}

void UsePipes(StdioPipes* pipes, Process* process) {
  process->stdin_fd = std::move(pipes->agent[0]);
  process->stdout_fd = std::move(pipes->agent[1]);
  process->stderr_fd = std::move(pipes->agent[2]);
}

// A child on its way, with the agent's ends. What is not handed on is killed and reaped.
struct Launch {
  Child child;
  Channel channel;
  StdioPipes pipes;
  Process process;

  Launch() = default;
  Launch(const Launch&) = delete;
  Launch& operator=(const Launch&) = delete;
  ~Launch() { child.Kill(); }
};

using Body = std::function<int(const Channel&, StdioPipes*)>;

Status Begin(const ProcessPlan& process, const CloneOptions& options, const Body& body,
             Launch* launch) {
  if (!process.terminal) {
    SHOJI_ASSIGN_OR_RETURN(launch->pipes, MakeStdio());
  }
  SHOJI_ASSIGN_OR_RETURN(auto ends, Channel::Make());
  SHOJI_ASSIGN_OR_RETURN(launch->child,
                         Clone(options, [&] { return body(ends.second, &launch->pipes); }));
  launch->channel = std::move(ends.first);
  for (UniqueFd& end : launch->pipes.container) end.reset();
  return SetOomScore(launch->child.pid, process.oom_score_adj);
}

// The streams of a child that has been told to go.
Status TakeStreams(const ProcessPlan& process, Launch* launch) {
  if (!process.terminal) {
    UsePipes(&launch->pipes, &launch->process);
    return OkStatus();
  }
  SHOJI_ASSIGN_OR_RETURN(Message message,
                         launch->channel.Expect(Word::kTerminal, "it opened its terminal"));
  return UseTerminal(std::move(message.fd), &launch->process);
}

class LinuxContainer final : public Container {
 public:
  LinuxContainer(Plan plan, std::optional<Cgroup> group)
      : plan_(std::move(plan)), group_(std::move(group)) {}
  ~LinuxContainer() override { (void)LinuxContainer::Destroy().ok(); }

  Result<Process> Launch();

  Status Start() override;
  Result<Process> Exec(const grpc::Process& process) override;
  Result<std::vector<pid_t>> Pids() override;
  Status SignalAll(int signal) override;
  std::string CgroupDir() const override { return group_ ? group_->path() : std::string(); }
  Status Pause() override { return Freeze(true); }
  Status Resume() override { return Freeze(false); }
  Status Update(const grpc::LinuxResources& resources) override;
  Status Destroy() override;

 private:
  Status Freeze(bool frozen);
  Status KillAll();
  Status CheckRunnable(std::string_view what) const;
  Status LaunchInto(jail::Launch* launch);
  bool AllGone();

  Plan plan_;
  std::optional<Cgroup> group_;
  UniqueFd pidfd_;
  MountNamespaceId mounts_;
  Channel channel_;  // to the init process until it has exec'ed
  bool started_ = false;
  bool paused_ = false;
  bool destroyed_ = false;
};

Status LinuxContainer::LaunchInto(jail::Launch* launch) {
  CloneOptions options;
  options.namespaces = plan_.namespaces.fresh;
  options.pid_ns_fd = plan_.namespaces.pid_ns.get();
  options.cgroup_fd = group_ ? group_->fd() : -1;
  SHOJI_RETURN_IF_ERROR(Begin(
      plan_.process, options,
      [this](const Channel& channel, StdioPipes* pipes) { return RunInit(plan_, channel, pipes); },
      launch));
  if (!plan_.namespaces.uid_map.empty())
    SHOJI_RETURN_IF_ERROR(WriteIdMaps(plan_.namespaces, launch->child.pid));
  SHOJI_RETURN_IF_ERROR(launch->channel.Send(Word::kGo));
  SHOJI_RETURN_IF_ERROR(TakeStreams(plan_.process, launch));
  SHOJI_ASSIGN_OR_RETURN(Message ready,
                         launch->channel.Expect(Word::kReady, "it built the container"));
  SHOJI_ASSIGN_OR_RETURN(mounts_, MountNamespaceOf(launch->child.pid));
  return OkStatus();
}

Result<Process> LinuxContainer::Launch() {
  jail::Launch launch;
  SHOJI_RETURN_IF_ERROR(LaunchInto(&launch));
  launch.process.pid = std::exchange(launch.child.pid, -1);
  pidfd_ = std::move(launch.child.pidfd);
  channel_ = std::move(launch.channel);
  return std::move(launch.process);
}

Status LinuxContainer::CheckRunnable(std::string_view what) const {
  const std::string doing = "cannot " + std::string(what) + ": the container is ";
  if (destroyed_) return FailedPrecondition(doing + "destroyed");
  if (paused_) return FailedPrecondition(doing + "paused; resume it first");
  return OkStatus();
}

Status LinuxContainer::Start() {
  SHOJI_RETURN_IF_ERROR(CheckRunnable("start"));
  if (std::exchange(started_, true))
    return FailedPrecondition("cannot start: the container was started already");
  const Channel channel = std::move(channel_);
  if (const Status sent = channel.Send(Word::kStart); !sent.ok())
    return FailedPrecondition("cannot start: the container's process has ended");
  SHOJI_ASSIGN_OR_RETURN(Message message, channel.Receive());
  return std::move(message.failure);  // OK at the end of the line: exec has closed it
}

Result<Process> LinuxContainer::Exec(const grpc::Process& process) {
  SHOJI_RETURN_IF_ERROR(CheckRunnable("exec"));
  if (!started_) return FailedPrecondition("cannot exec: the container was not started");
  SHOJI_ASSIGN_OR_RETURN(const ProcessPlan plan, MakeProcessPlan(process, plan_.process));
  CloneOptions options;
  options.pid_ns_fd = pidfd_.get();
  options.cgroup_fd = group_ ? group_->fd() : -1;
  const ExecTarget target{pidfd_.get(), !plan_.namespaces.uid_map.empty()};
  jail::Launch launch;
  Status begun = Begin(
      plan, options,
      [&](const Channel& channel, StdioPipes* pipes) {
        return RunExec(target, plan, channel, pipes);
      },
      &launch);
  if (begun.sys_errno() == ESRCH)
    return FailedPrecondition("cannot exec: the container's first process has ended");
  SHOJI_RETURN_IF_ERROR(std::move(begun));
  SHOJI_RETURN_IF_ERROR(launch.channel.Send(Word::kGo));
  SHOJI_RETURN_IF_ERROR(TakeStreams(plan, &launch));
  SHOJI_ASSIGN_OR_RETURN(Message message, launch.channel.Receive());
  SHOJI_RETURN_IF_ERROR(std::move(message.failure));
  launch.process.pid = std::exchange(launch.child.pid, -1);
  return std::move(launch.process);
}

Result<std::vector<pid_t>> LinuxContainer::Pids() {
  if (destroyed_) return std::vector<pid_t>();
  return group_ ? group_->Pids() : PidsOf(mounts_);
}

Status LinuxContainer::SignalAll(int signal) {
  if (destroyed_) return OkStatus();
  if (signal == SIGKILL) return KillAll();
  SHOJI_ASSIGN_OR_RETURN(const std::vector<pid_t> pids, Pids());
  for (const pid_t pid : pids) {
    if (kill(pid, signal) < 0 && errno != ESRCH) {
      return ErrnoStatus(errno, "cannot send signal " + std::to_string(signal) + " to process " +
                                    std::to_string(pid));
    }
  }
  return OkStatus();
}

Status LinuxContainer::KillAll() {
  // The init process by its own name too: it may have been moved to another cgroup.
  if (pidfd_) syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
  if (group_) return group_->Kill();
  SHOJI_ASSIGN_OR_RETURN(const std::vector<pid_t> pids, PidsOf(mounts_));
  for (const pid_t pid : pids) kill(pid, SIGKILL);
  return OkStatus();
}

Status LinuxContainer::Freeze(bool frozen) {
  if (destroyed_) return FailedPrecondition("the container is destroyed");
  if (!group_) return FailedPrecondition("cannot pause or resume: the guest has no cgroups");
  SHOJI_RETURN_IF_ERROR(group_->Freeze(frozen));
  paused_ = frozen;
  return OkStatus();
}

Status LinuxContainer::Update(const grpc::LinuxResources& resources) {
  if (destroyed_) return FailedPrecondition("cannot update: the container is destroyed");
  SHOJI_ASSIGN_OR_RETURN(const std::vector<Limit> limits, LimitsOf(resources));
  if (limits.empty()) return OkStatus();
  if (!group_) return FailedPrecondition("cannot update: the guest has no cgroups");
  return ApplyLimits(*group_, limits);
}

// Without a cgroup: whether the killed processes have ended, after a moment's grace.
bool LinuxContainer::AllGone() {
  const auto none_left = [this] {
    const Result<std::vector<pid_t>> left = PidsOf(mounts_);
    return left.ok() && left->empty();
  };
  if (none_left()) return true;
  pollfd ended{pidfd_.get(), POLLIN, 0};
  if (pidfd_) poll(&ended, 1, 200);
  return none_left();
}

Status LinuxContainer::Destroy() {
  if (destroyed_) return OkStatus();
  channel_.Close();
  SHOJI_RETURN_IF_ERROR(KillAll());
  if (group_) {
    SHOJI_RETURN_IF_ERROR(group_->Remove());
  } else if (!AllGone()) {
    return FailedPrecondition(
        "the container still has processes; reap those killed and destroy it again");
  }
  pidfd_.reset();
  plan_.namespaces = NamespacePlan{};
  destroyed_ = true;
  return OkStatus();
}

Result<std::optional<Cgroup>> MakeGroup(const Plan& plan, const Environment& environment) {
  std::optional<Cgroup> group;
  if (environment.cgroup_root.empty()) {
    for (const Limit& limit : plan.limits) {
      if (!limit.wish)
        return FailedPrecondition("linux.resources: cannot set " + limit.file + " to \"" +
                                  limit.value + "\": the guest has no cgroups");
    }
    return group;
  }
  SHOJI_ASSIGN_OR_RETURN(group, Cgroup::Create(environment.cgroup_root, plan.cgroup_path));
  SHOJI_RETURN_IF_ERROR(ApplyLimits(*group, plan.limits));
  return group;
}

}  // namespace

Result<Container::Made> Container::Create(const std::string& id, const grpc::Spec& spec,
                                          const Environment& environment) {
  SHOJI_ASSIGN_OR_RETURN(Plan plan, MakePlan(id, spec, environment));
  SHOJI_ASSIGN_OR_RETURN(std::optional<Cgroup> group, MakeGroup(plan, environment));
  auto container = std::make_unique<LinuxContainer>(std::move(plan), std::move(group));
  SHOJI_ASSIGN_OR_RETURN(Process init, container->Launch());
  Made made;
  made.container = std::move(container);
  made.init = std::move(init);
  return made;
}

}  // namespace shoji::jail
