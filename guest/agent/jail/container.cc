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
  bool mounted = false;  // it said so

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
  if (!process.terminal) UsePipes(&launch->pipes, &launch->process);
  return SetOomScore(launch->child.pid, process.oom_score_adj);
}

class LinuxContainer final : public Container {
 public:
  LinuxContainer(Plan plan, std::optional<Cgroup> group,
                 std::function<void(const std::string&)> warn)
      : plan_(std::move(plan)), group_(std::move(group)), warn_(std::move(warn)) {}
  ~LinuxContainer() override { (void)LinuxContainer::Destroy().ok(); }

  Status RestrictDevices(const DeviceProgram& program);
  Status LaunchInto(jail::Launch* launch);
  // True when that was the last word.
  Result<bool> Hear(Message message, jail::Launch* launch);
  Process Take(jail::Launch* launch);
  // The end of the line: exec has closed it, or the process has ended.
  Status Started(const Message& message);
  void KillInit();
  pid_t pid() const { return pid_; }

  Result<std::unique_ptr<Pending<jail::Started>>> BeginStart() override;
  Result<std::unique_ptr<Pending<Process>>> BeginExec(const grpc::Process& process) override;
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
  CloneOptions InitOptions() const;
  Word NextWord(const jail::Launch& launch) const;
  Status HooksBeforePivot(jail::Launch* launch);
  void RunAll(const char* kind, const HookList& hooks, const std::string& state);
  bool AllGone();

  Plan plan_;
  std::optional<Cgroup> group_;
  std::function<void(const std::string&)> warn_;
  DeviceFilter devices_;
  UniqueFd pidfd_;
  pid_t pid_ = -1;
  MountNamespaceId mounts_;
  Channel channel_;  // to the init process until it has exec'ed
  bool started_ = false;
  bool paused_ = false;
  bool destroyed_ = false;
};

CloneOptions LinuxContainer::InitOptions() const {
  CloneOptions options;
  options.namespaces = plan_.namespaces.fresh;
  options.pid_ns_fd = plan_.namespaces.pid_ns.get();
  options.cgroup_fd = group_ ? group_->fd() : -1;
  if (plan_.namespaces.has_users()) options.enter = [this] { return EnterAll(plan_.namespaces); };
  return options;
}

Status LinuxContainer::HooksBeforePivot(jail::Launch* launch) {
  launch->mounted = true;
  const std::string state = StateText(plan_.hooks, "creating", launch->child.pid);
  SHOJI_RETURN_IF_ERROR(RunHooks("prestart", plan_.hooks.prestart, state));
  SHOJI_RETURN_IF_ERROR(RunHooks("createRuntime", plan_.hooks.create_runtime, state));
  return launch->channel.Send(Word::kGo);
}

// Those whose failure changes nothing any more.
void LinuxContainer::RunAll(const char* kind, const HookList& hooks, const std::string& state) {
  for (const HookPlan& hook : hooks) {
    const Status status = RunHooks(kind, {hook}, state);
    if (!status.ok()) warn_(std::string(status.message()));
  }
}

Status LinuxContainer::RestrictDevices(const DeviceProgram& program) {
  if (program.empty()) return OkStatus();
  if (!group_) return FailedPrecondition("linux.resources.devices: the guest has no cgroups");
  return devices_.Attach(group_->fd(), program);
}

Status LinuxContainer::LaunchInto(jail::Launch* launch) {
  SHOJI_RETURN_IF_ERROR(Begin(
      plan_.process, InitOptions(),
      [this](const Channel& channel, StdioPipes* pipes) { return RunInit(plan_, channel, pipes); },
      launch));
  if (!plan_.namespaces.uid_map.empty())
    SHOJI_RETURN_IF_ERROR(WriteIdMaps(plan_.namespaces, launch->child.pid));
  return launch->channel.Send(Word::kGo);
}

Word LinuxContainer::NextWord(const jail::Launch& launch) const {
  if (plan_.process.terminal && !launch.process.terminal) return Word::kTerminal;
  return plan_.hooks.before_pivot() && !launch.mounted ? Word::kMounted : Word::kReady;
}

Result<bool> LinuxContainer::Hear(Message message, jail::Launch* launch) {
  const Word next = NextWord(*launch);
  SHOJI_RETURN_IF_ERROR(Channel::Check(message, next, "it built the container"));
  if (next == Word::kTerminal) {
    SHOJI_RETURN_IF_ERROR(UseTerminal(std::move(message.fd), &launch->process));
    return false;
  }
  if (next == Word::kMounted) {
    SHOJI_RETURN_IF_ERROR(HooksBeforePivot(launch));
    return false;
  }
  SHOJI_ASSIGN_OR_RETURN(mounts_, MountNamespaceOf(launch->child.pid));
  return true;
}

Process LinuxContainer::Take(jail::Launch* launch) {
  launch->process.pid = pid_ = std::exchange(launch->child.pid, -1);
  pidfd_ = std::move(launch->child.pidfd);
  channel_ = std::move(launch->channel);
  return std::move(launch->process);
}

Status LinuxContainer::CheckRunnable(std::string_view what) const {
  const std::string doing = "cannot " + std::string(what) + ": the container is ";
  if (destroyed_) return FailedPrecondition(doing + "destroyed");
  if (paused_) return FailedPrecondition(doing + "paused; resume it first");
  return OkStatus();
}

Status LinuxContainer::Started(const Message& message) {
  SHOJI_RETURN_IF_ERROR(Status(message.failure));
  RunAll("poststart", plan_.hooks.poststart, StateText(plan_.hooks, "running", pid_));
  return OkStatus();
}

void LinuxContainer::KillInit() {
  if (pidfd_) syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
}

class Creating final : public Pending<Container::Made> {
 public:
  explicit Creating(std::unique_ptr<LinuxContainer> container) : container_(std::move(container)) {}

  Status Begin() { return container_->LaunchInto(&launch_); }
  int fd() const override { return launch_.channel.fd(); }
  pid_t pid() const override { return launch_.child.pid; }
  Result<std::optional<Container::Made>> Advance() override {
    SHOJI_ASSIGN_OR_RETURN(Message message, launch_.channel.TryReceive());
    if (message.word == Word::kNothing) return std::optional<Container::Made>();
    SHOJI_ASSIGN_OR_RETURN(const bool done, container_->Hear(std::move(message), &launch_));
    if (!done) return std::optional<Container::Made>();
    std::optional<Container::Made> made(std::in_place);
    made->init = container_->Take(&launch_);
    made->container = std::move(container_);
    return made;
  }

 private:
  std::unique_ptr<LinuxContainer> container_;
  Launch launch_;  // ends first, so that the cgroup is empty
};

class Starting final : public Pending<Started> {
 public:
  Starting(LinuxContainer* container, Channel channel)
      : container_(container), channel_(std::move(channel)) {}
  ~Starting() override {
    if (channel_.fd() >= 0) container_->KillInit();
  }

  int fd() const override { return channel_.fd(); }
  pid_t pid() const override { return container_->pid(); }
  Result<std::optional<Started>> Advance() override {
    SHOJI_ASSIGN_OR_RETURN(Message message, channel_.TryReceive());
    if (message.word == Word::kNothing) return std::optional<Started>();
    const Channel done = std::move(channel_);
    SHOJI_RETURN_IF_ERROR(container_->Started(message));
    return std::optional<Started>(std::in_place);
  }

 private:
  LinuxContainer* container_;
  Channel channel_;
};

class Executing final : public Pending<Process> {
 public:
  explicit Executing(ProcessPlan plan) : plan_(std::move(plan)) {}

  Status Begin(const CloneOptions& options, const ExecTarget& target) {
    const Body body = [&](const Channel& channel, StdioPipes* pipes) {
      return RunExec(target, plan_, channel, pipes);
    };
    Status begun = jail::Begin(plan_, options, body, &launch_);
    if (begun.sys_errno() == ESRCH)
      return FailedPrecondition("cannot exec: the container's first process has ended");
    SHOJI_RETURN_IF_ERROR(std::move(begun));
    return launch_.channel.Send(Word::kGo);
  }
  int fd() const override { return launch_.channel.fd(); }
  pid_t pid() const override { return launch_.child.pid; }
  Result<std::optional<Process>> Advance() override {
    SHOJI_ASSIGN_OR_RETURN(Message message, launch_.channel.TryReceive());
    if (message.word == Word::kNothing) return std::optional<Process>();
    if (plan_.terminal && !launch_.process.terminal) {
      SHOJI_RETURN_IF_ERROR(Channel::Check(message, Word::kTerminal, "it opened its terminal"));
      SHOJI_RETURN_IF_ERROR(UseTerminal(std::move(message.fd), &launch_.process));
      return std::optional<Process>();
    }
    SHOJI_RETURN_IF_ERROR(std::move(message.failure));
    launch_.process.pid = std::exchange(launch_.child.pid, -1);
    return std::optional<Process>(std::move(launch_.process));
  }

 private:
  ProcessPlan plan_;
  Launch launch_;
};

Result<std::unique_ptr<Pending<Started>>> LinuxContainer::BeginStart() {
  SHOJI_RETURN_IF_ERROR(CheckRunnable("start"));
  if (std::exchange(started_, true))
    return FailedPrecondition("cannot start: the container was started already");
  Channel channel = std::move(channel_);
  if (const Status sent = channel.Send(Word::kStart); !sent.ok())
    return FailedPrecondition("cannot start: the container's process has ended");
  return std::unique_ptr<Pending<jail::Started>>(
      std::make_unique<Starting>(this, std::move(channel)));
}

Result<std::unique_ptr<Pending<Process>>> LinuxContainer::BeginExec(const grpc::Process& process) {
  SHOJI_RETURN_IF_ERROR(CheckRunnable("exec"));
  if (!started_) return FailedPrecondition("cannot exec: the container was not started");
  SHOJI_ASSIGN_OR_RETURN(ProcessPlan plan, MakeProcessPlan(process, plan_.process));
  CloneOptions options;
  options.pid_ns_fd = pidfd_.get();
  options.cgroup_fd = group_ ? group_->fd() : -1;
  auto executing = std::make_unique<Executing>(std::move(plan));
  const ExecTarget target{pidfd_.get(), plan_.namespaces.has_users()};
  SHOJI_RETURN_IF_ERROR(executing->Begin(options, target));
  return std::unique_ptr<Pending<Process>>(std::move(executing));
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
  KillInit();
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
  SHOJI_ASSIGN_OR_RETURN(const DeviceProgram program, MakeDeviceProgram(resources));
  if (limits.empty() && program.empty()) return OkStatus();
  if (!group_) return FailedPrecondition("cannot update: the guest has no cgroups");
  SHOJI_RETURN_IF_ERROR(RestrictDevices(program));
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
  devices_ = DeviceFilter{};
  destroyed_ = true;
  RunAll("poststop", plan_.hooks.poststop, StateText(plan_.hooks, "stopped", 0));
  return OkStatus();
}

Result<std::optional<Cgroup>> MakeGroup(const Plan& plan, const Environment& environment) {
  std::optional<Cgroup> group;
  if (environment.cgroup_root.empty()) {
    if (plan.namespaces.joined_mounts) {
      return FailedPrecondition(
          "linux.namespaces: without cgroups in the guest, two containers cannot share mounts: "
          "their processes could not be told apart");
    }
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

Result<std::unique_ptr<Pending<Container::Made>>> Container::BeginCreate(
    const std::string& id, const grpc::Spec& spec, const Environment& environment) {
  SHOJI_ASSIGN_OR_RETURN(Plan plan, MakePlan(id, spec, environment));
  SHOJI_ASSIGN_OR_RETURN(std::optional<Cgroup> group, MakeGroup(plan, environment));
  const DeviceProgram program = std::move(plan.device_program);
  auto container =
      std::make_unique<LinuxContainer>(std::move(plan), std::move(group), environment.warn);
  SHOJI_RETURN_IF_ERROR(container->RestrictDevices(program));
  auto creating = std::make_unique<Creating>(std::move(container));
  SHOJI_RETURN_IF_ERROR(creating->Begin());
  return std::unique_ptr<Pending<Made>>(std::move(creating));
}

Result<Container::Made> Container::Create(const std::string& id, const grpc::Spec& spec,
                                          const Environment& environment) {
  SHOJI_ASSIGN_OR_RETURN(const auto creating, BeginCreate(id, spec, environment));
  return WaitFor(*creating);
}

Status Container::Start() {
  SHOJI_ASSIGN_OR_RETURN(const auto starting, BeginStart());
  return WaitFor(*starting).status();
}

Result<Process> Container::Exec(const grpc::Process& process) {
  SHOJI_ASSIGN_OR_RETURN(const auto executing, BeginExec(process));
  return WaitFor(*executing);
}

}  // namespace shoji::jail
