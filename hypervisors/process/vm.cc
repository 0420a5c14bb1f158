#include "vm.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <nlohmann/json.hpp>
#include <utility>

#include "cgroups.h"
#include "hypervisor.h"
#include "options.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/socket.h"
#include "shoji/base/strings.h"

namespace shoji::process {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr char kAgentSocket[] = "kata.sock";
constexpr char kKeeperSocket[] = "keeper.sock";
constexpr char kLog[] = "agent.log";

constexpr std::uint32_t kAgentPort = 1024;  // as that of agents in VMs

// Numbers of descriptors in the keeper.
constexpr int kAgentFd = 3;
constexpr int kKeeperFd = 4;
constexpr int kReportFd = 5;

// Limits for callers that give none.
constexpr seconds kStartLimit{30};
constexpr seconds kRequestLimit{10};
constexpr seconds kKillLimit{10};
constexpr milliseconds kBusyRetry{20};
constexpr milliseconds kBusyLimit{500};
constexpr std::size_t kShownWords = 4096;

Deadline DeadlineOf(const sdk::HypervisorCall& call, seconds limit) {
  return call.deadline_ns == 0 ? Deadline::After(limit) : Deadline::FromNanos(call.deadline_ns);
}

// What was killed needs a moment also when the caller's time is over already.
Deadline KillDeadline(const sdk::HypervisorCall& call) {
  const Deadline at_least = Deadline::After(milliseconds(900));
  const Deadline wanted = DeadlineOf(call, kKillLimit).Min(Deadline::After(kKillLimit));
  return wanted.nanos() < at_least.nanos() ? at_least : wanted;
}

void Kill(int pidfd) {
  if (pidfd >= 0) syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0);
}

// True when the process behind it ended before the deadline; -1: there is none.
bool WaitGone(int pidfd, Deadline deadline) {
  pollfd entry{pidfd, POLLIN, 0};
  while (pidfd >= 0) {
    if (poll(&entry, 1, deadline.PollTimeout()) > 0) return true;
    if (deadline.passed()) return false;
  }
  return true;
}

// If it is a child of ours.
void Reap(int pidfd) {
  siginfo_t info{};
  waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd), &info, WEXITED | WNOHANG);
}

std::string LastLines(const std::string& path) {
  const auto text = ReadFile(path);
  if (!text.ok()) return {};
  if (text->size() <= kShownWords) return *text;
  const std::string end = text->substr(text->size() - kShownWords);
  return end.substr(end.find('\n') + 1);
}

std::string OneLine(const std::string& words) {
  std::vector<std::string> lines;
  for (const std::string& line : Split(words, '\n')) {
    if (!Trim(line).empty()) lines.emplace_back(Trim(line));
  }
  return Join(lines, " | ");
}

Status NotRunning(const std::string& id) { return Unavailable("VM \"" + id + "\" does not run"); }

Status CheckDisk(const std::string& id, const sdk::BlockDevice& disk) {
  if (disk.format != "raw") {
    return Unimplemented("device \"" + id + "\": hypervisor \"process\" has raw disks only, not " +
                         disk.format);
  }
  if (!disk.limits.has_value()) return OkStatus();
  return Unimplemented("device \"" + id + "\": hypervisor \"process\" cannot limit a disk");
}

// The request to the keeper, and the descriptors that go with it.
struct Request {
  std::vector<std::string> fields;
  std::vector<int> fds;
};

Result<Request> RequestFor(const sdk::HotplugDevice& device) {
  const std::string& id = device.id;
  if (const auto* disk = std::get_if<sdk::BlockDevice>(&device.detail)) {
    SHOJI_RETURN_IF_ERROR(CheckDisk(id, *disk));
    const unsigned flags = ((disk->flags & SHOJI_BLOCK_READONLY) != 0 ? 1U : 0U) |
                           ((disk->flags & SHOJI_BLOCK_DIRECT) != 0 ? 2U : 0U);
    return Request{{"disk", id, disk->path, std::to_string(flags)}, {}};
  }
  if (const auto* share = std::get_if<sdk::VmShareConfig>(&device.detail)) {
    return Request{{"share", id, share->tag, share->host_path, share->read_only ? "ro" : "rw"}, {}};
  }
  if (const auto* nic = std::get_if<sdk::NicDevice>(&device.detail)) {
    if (nic->tap_fds.size() != 1) {
      return Unimplemented("device \"" + id + "\": hypervisor \"process\" has network cards with " +
                           "one queue, not " + std::to_string(nic->tap_fds.size()));
    }
    return Request{{"nic", id, nic->mac, std::to_string(nic->mtu)}, nic->tap_fds};
  }
  return Unimplemented("device \"" + id +
                       "\": hypervisor \"process\" has disks, shares and network cards only");
}

std::string AnswerFor(const sdk::HotplugDevice& device, const std::string& told) {
  nlohmann::json json = nlohmann::json::object();
  if (std::holds_alternative<sdk::BlockDevice>(device.detail)) json["path"] = told;
  if (std::holds_alternative<sdk::VmShareConfig>(device.detail)) json["mount_tag"] = told;
  return json.dump();
}

}  // namespace

ProcessVm::ProcessVm(const sdk::Host& host, const Options& options, sdk::VmConfig config)
    : host_(host), run_dir_(config.run_dir), program_(options.agent), config_(std::move(config)) {
  saved_.id = config_->id;
  saved_.run_dir = run_dir_;
  saved_.vcpus = config_->vcpus;
  saved_.agent_port = options.hybrid_vsock ? kAgentPort : 0;
  saved_.cgroup = CgroupFor(config_->id, run_dir_);
  for (const sdk::VmShareConfig& share : config_->shares) saved_.shares.push_back(share.tag);
  if (const auto boot = BootId(); boot.ok()) saved_.boot_id = *boot;
}

ProcessVm::ProcessVm(const sdk::Host& host, SavedVm saved, UniqueFd keeper)
    : host_(host), run_dir_(saved.run_dir), saved_(std::move(saved)), keeper_(std::move(keeper)) {}

SavedVm ProcessVm::saved() const {
  const MutexLock lock(mutex_);
  return saved_;
}

bool ProcessVm::Runs() {
  const int fd = WaitFd();
  return fd >= 0 && !HasEnded(fd);
}

std::vector<std::string> ProcessVm::Arguments(const SavedVm& vm) const {
  std::vector<std::string> argv = {program_,
                                   "--agent-fd=" + std::to_string(kAgentFd),
                                   "--keeper-fd=" + std::to_string(kKeeperFd),
                                   "--report-fd=" + std::to_string(kReportFd),
                                   "--hostname=" + vm.id,
                                   "--log=" + PathOf(kLog)};
  if (vm.agent_port != 0) argv.push_back("--agent-port=" + std::to_string(vm.agent_port));
  if (!vm.cgroup.empty()) argv.push_back("--cgroup=" + vm.cgroup);
  for (const sdk::VmShareConfig& share : config_->shares) {
    argv.push_back((share.read_only ? "--share-ro=" : "--share=") + share.tag + "=" +
                   share.host_path);
  }
  for (std::string& word : AgentWords(config_->kernel_params)) argv.push_back(std::move(word));
  return argv;
}

// The agent's process id, when it serves.
Result<pid_t> ProcessVm::Launch(const sdk::HypervisorCall& call, const SavedVm& vm,
                                sdk::Process* keeper) {
  SHOJI_ASSIGN_OR_RETURN(UniqueFd agent, ListenUnix(PathOf(kAgentSocket)));
  SHOJI_ASSIGN_OR_RETURN(UniqueFd requests, keeper::Listen(PathOf(kKeeperSocket)));
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
    return ErrnoStatus(errno, "cannot create a pair of sockets");
  }
  const UniqueFd report(ends[0]);
  UniqueFd theirs(ends[1]);
  sdk::SpawnRequest request;
  request.sandbox_id = vm.id;
  request.argv = Arguments(vm);
  request.fds = {{agent.get(), kAgentFd}, {requests.get(), kKeeperFd}, {theirs.get(), kReportFd}};
  SHOJI_ASSIGN_OR_RETURN(*keeper, sdk::Spawn(host_, request));
  theirs.reset();  // so that its end is heard
  SHOJI_ASSIGN_OR_RETURN(
      const keeper::Message reply,
      keeper::ReceiveReply(report.get(), DeadlineOf(call, kStartLimit), call.cancel_fd));
  SHOJI_ASSIGN_OR_RETURN(const std::int64_t pid,
                         ParseInt(reply.fields.empty() ? "" : reply.fields[0]));
  return static_cast<pid_t>(pid);
}

// Undoes the start and tells why it failed.
Status ProcessVm::StartFailed(const sdk::Process& keeper, const SavedVm& vm, const Status& cause) {
  const auto agent = FindProcess(vm.agent, vm.boot_id);
  if (keeper.pidfd() >= 0) {
    Kill(keeper.pidfd());  // its agent ends with it
    WaitGone(keeper.pidfd(), Deadline::After(kKillLimit));
    if (agent.ok()) WaitGone(agent->get(), Deadline::After(kKillLimit));
    Reap(keeper.pidfd());
  }
  const std::string words = OneLine(LastLines(PathOf(kLog)));
  (void)RemoveFiles();
  (void)RemoveGroup(vm.cgroup);
  std::string message = "the agent of VM \"" + vm.id + "\" did not start: " + cause.message();
  if (!words.empty() && words.find(cause.message()) == std::string::npos) {
    message += "; its last words: " + words;
  }
  return Status(cause.code(), std::move(message)).WithErrno(cause.sys_errno());
}

Status ProcessVm::Start(const sdk::HypervisorCall& call) {
  if (!config_.has_value() || WaitFd() >= 0) {
    return FailedPrecondition("the VM was started already; create another one");
  }
  SavedVm vm = saved();
  SweepCgroups();
  const std::int64_t begin = Deadline::NowNanos();
  sdk::Process keeper;
  const Result<pid_t> agent = Launch(call, vm, &keeper);
  Result<ProcessIdentity> identity = agent.ok() ? IdentifyProcess(*agent) : agent.status();
  if (identity.ok()) {
    vm.agent = *identity;
    identity = IdentifyProcess(keeper.pid());
  }
  UniqueFd pidfd(identity.ok() ? fcntl(keeper.pidfd(), F_DUPFD_CLOEXEC, 3) : -1);
  Status status = identity.status();
  if (status.ok() && !pidfd) status = ErrnoStatus(errno, "cannot keep the keeper's descriptor");
  if (!status.ok()) return StartFailed(keeper, vm, status);
  vm.keeper = *identity;
  {
    const MutexLock lock(mutex_);
    saved_ = vm;
    keeper_ = std::move(pidfd);
  }
  host_.Span("vm.process", begin, Deadline::NowNanos());
  status = AttachAtStart(call);
  if (status.ok()) return status;
  status = StartFailed(keeper, vm, status);
  const MutexLock lock(mutex_);
  keeper_.reset();
  saved_.keeper = saved_.agent = {};
  return status;
}

Status ProcessVm::AttachAtStart(const sdk::HypervisorCall& call) {
  for (const sdk::HotplugDevice& device : config_->devices) {
    SHOJI_RETURN_IF_ERROR(Attach(call, device).status());
  }
  return OkStatus();
}

Status ProcessVm::Stop(const sdk::HypervisorCall& call, bool /*force*/) {
  const SavedVm vm = saved();
  const int keeper = WaitFd();
  const auto agent = FindProcess(vm.agent, vm.boot_id);
  const Deadline deadline = KillDeadline(call);
  // PID 1 of its namespace: everything in it ends before it is gone. The keeper cleans up then.
  if (agent.ok()) Kill(agent->get());
  const bool cleaned = WaitGone(keeper, deadline);
  if (!cleaned) Kill(keeper);
  const Deadline last = cleaned ? deadline : Deadline::After(milliseconds(900));
  if (!WaitGone(keeper, last) || (agent.ok() && !WaitGone(agent->get(), last))) {
    return DeadlineExceeded("the processes of VM \"" + vm.id +
                            "\" do not end although they were killed");
  }
  if (keeper >= 0) Reap(keeper);
  return RemoveGroup(vm.cgroup);
}

int ProcessVm::WaitFd() {
  const MutexLock lock(mutex_);
  return keeper_.get();
}

Result<std::vector<std::int32_t>> ProcessVm::Pids() {
  if (!Runs()) return std::vector<std::int32_t>{};
  const SavedVm vm = saved();
  return std::vector<std::int32_t>{vm.keeper.pid, vm.agent.pid};
}

Result<std::string> ProcessVm::AgentEndpoint() {
  const std::uint32_t port = saved().agent_port;
  if (port == 0) return "unix://" + PathOf(kAgentSocket);
  return "hvsock://" + PathOf(kAgentSocket) + ":" + std::to_string(port);
}

Result<std::string> ProcessVm::LastWords() { return LastLines(PathOf(kLog)); }

Result<std::string> ProcessVm::SaveState() { return EncodeState(saved()); }

Status ProcessVm::RemoveFiles() const {
  Status first;
  for (const char* name : {kAgentSocket, kKeeperSocket, kLog}) {
    Status removed = RemoveFile(PathOf(name));
    // A directory that is gone took its files along.
    if (!removed.ok() && removed.sys_errno() != ENOTDIR && first.ok()) first = std::move(removed);
  }
  return first;
}

Status ProcessVm::RemoveGroup(const std::string& cgroup) const { return RemoveCgroup(cgroup); }

Status ProcessVm::Destroy(const sdk::HypervisorCall& call) {
  const Status stopped = Stop(call, /*force=*/true);
  const Status removed = RemoveFiles();
  return stopped.ok() ? removed : stopped;
}

const void* ProcessVm::Extension(std::string_view id) {
  const bool needs_cgroup = id == SHOJI_HYPERVISOR_PAUSE_V1 || id == SHOJI_HYPERVISOR_STATS_V1;
  if (needs_cgroup && saved().cgroup.empty()) return nullptr;
  if (const void* table = sdk::VmHotplugExtension<ProcessVm>(id)) return table;
  return sdk::VmStateExtension<ProcessVm, ProcessHypervisor>(id);
}

Result<keeper::Message> ProcessVm::Ask(const sdk::HypervisorCall& call,
                                       const std::vector<std::string>& request,
                                       const std::vector<int>& fds) {
  if (!Runs()) return NotRunning(saved().id);
  const auto socket = keeper::Connect(PathOf(kKeeperSocket));
  if (!socket.ok()) return NotRunning(saved().id);
  SHOJI_RETURN_IF_ERROR(keeper::Send(socket->get(), request, fds));
  return keeper::ReceiveReply(socket->get(), DeadlineOf(call, kRequestLimit), call.cancel_fd);
}

Result<std::string> ProcessVm::Attach(const sdk::HypervisorCall& call,
                                      const sdk::HotplugDevice& device) {
  if (!IsTag(device.id)) {
    return InvalidArgument("id \"" + device.id + "\" of a device is not of [A-Za-z0-9_.-]{1,64}");
  }
  SHOJI_ASSIGN_OR_RETURN(const Request request, RequestFor(device));
  SHOJI_ASSIGN_OR_RETURN(const keeper::Message reply, Ask(call, request.fields, request.fds));
  if (reply.fields.size() != 1) return Internal("the keeper's answer makes no sense");
  return AnswerFor(device, reply.fields[0]);
}

Status ProcessVm::Detach(const sdk::HypervisorCall& call, std::string_view id) {
  const Deadline deadline = DeadlineOf(call, kRequestLimit);
  const Deadline busy_limit = call.deadline_ns == 0 ? Deadline::After(kBusyLimit) : deadline;
  for (;;) {
    const auto reply = Ask(call, {"detach", std::string(id)});
    if (reply.ok() || reply.status().code() != StatusCode::kAborted) return reply.status();
    // Nothing tells when a mount somewhere else is gone.
    pollfd cancel{call.cancel_fd, POLLIN, 0};
    const int wait = Deadline::After(kBusyRetry).Min(busy_limit).PollTimeout();
    if (poll(&cancel, 1, wait) > 0) return Cancelled("cancelled while detaching a device");
    if (busy_limit.passed()) {
      return DeadlineExceeded("device \"" + std::string(id) +
                              "\" is still in use: " + reply.status().message());
    }
  }
}

Status ProcessVm::LimitBlock(const sdk::HypervisorCall& /*call*/, std::string_view id,
                             const sdk::BlockLimits* limits) {
  if (limits == nullptr) return OkStatus();
  return Unimplemented("device \"" + std::string(id) +
                       "\": hypervisor \"process\" cannot limit a disk");
}

Result<std::string> ProcessVm::ShareMount(std::string_view tag) {
  const SavedVm vm = saved();
  bool known = false;
  for (const std::string& share : vm.shares) known |= share == tag;
  const std::string source = "/shares/" + std::string(tag);
  // One that was attached, maybe by another process, shows in the agent's own root.
  if (!known && IsTag(tag) && Runs()) {
    known = PathExists("/proc/" + std::to_string(vm.agent.pid) + "/root" + source);
  }
  if (!known) {
    return NotFound("VM \"" + vm.id + "\" has no share \"" + std::string(tag) + "\"");
  }
  const nlohmann::json json = {{"driver", "virtio-fs"},
                               {"source", source},
                               {"fstype", "bind"},
                               {"options", nlohmann::json::array({"rbind"})}};
  return json.dump();
}

Status ProcessVm::Freeze(const sdk::HypervisorCall& call, bool frozen) {
  if (!Runs()) return NotRunning(saved().id);
  return FreezeCgroup(saved().cgroup, frozen, DeadlineOf(call, kRequestLimit), call.cancel_fd);
}

Status ProcessVm::Pause(const sdk::HypervisorCall& call) { return Freeze(call, true); }
Status ProcessVm::Resume(const sdk::HypervisorCall& call) { return Freeze(call, false); }

Result<int> ProcessVm::OpenConsole(const sdk::HypervisorCall& call) {
  SHOJI_ASSIGN_OR_RETURN(keeper::Message reply, Ask(call, {"console"}));
  if (reply.fds.size() != 1) return Internal("the keeper's answer makes no sense");
  return reply.fds[0].release();
}

Result<sdk::VmStats> ProcessVm::Stats(const sdk::HypervisorCall& /*call*/) {
  const SavedVm vm = saved();
  if (!Runs()) return NotRunning(vm.id);
  SHOJI_ASSIGN_OR_RETURN(const CgroupUse agent, MeasureCgroup(vm.cgroup));
  SHOJI_ASSIGN_OR_RETURN(const CgroupUse keeper, MeasureProcess(vm.keeper.pid));
  sdk::VmStats stats;
  stats.vcpus = vm.vcpus;
  stats.cpu_ns = agent.cpu_ns;
  stats.vmm_cpu_ns = keeper.cpu_ns;
  stats.resident_bytes = agent.resident_bytes + keeper.resident_bytes;
  return stats;
}

}  // namespace shoji::process
