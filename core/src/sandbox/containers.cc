// Containers of a sandbox.
#include <sys/random.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "host/creating.h"
#include "host/mount_points.h"
#include "metadata/hex.h"
#include "oci/hooks.h"
#include "oci/resources.h"
#include "oci/spec.h"
#include "oci/user.h"
#include "request/agent_storage.h"
#include "request/device_place.h"
#include "request/spec_attach.h"
#include "request/validate.h"
#include "sandbox/container_hooks.h"
#include "sandbox/object.h"
#include "sandbox/state.h"

namespace shoji {
namespace {

constexpr auto kKillLimit = std::chrono::seconds(10);
constexpr auto kLookLimit = std::chrono::milliseconds(200);

std::string Named(const std::string& container_id) { return "container \"" + container_id + "\""; }

ProcessRef Init(const ContainerRecord& container) {
  return {container.config.id, container.config.id};
}

ProcessRef Everything(const ContainerRecord& container) { return {container.config.id, ""}; }

// Success for what is gone already.
Status Tolerate(Status status) {
  return status.code() == StatusCode::kNotFound ? OkStatus() : std::move(status);
}

// A root file system in a storage cannot be looked into: the host does not trust its content.
Result<User> UserOfCmd(const ContainerConfig& config, const Cmd& cmd, const std::string& rootfs) {
  const bool in_storage = !config.rootfs.storage.empty();
  auto user = LookUpUser(in_storage ? "" : rootfs, cmd.user, cmd.supplementary_groups);
  if (user.ok()) return user;
  const char* const hint = in_storage ? "; it lies in a storage: give numbers" : "";
  return Status(user.status().code(), Named(config.id) + ": " + user.status().message() + hint);
}

Result<User> UserOf(const ContainerConfig& config, const std::string& rootfs) {
  if (!config.oci_spec.empty()) return User();  // the specification has numbers
  if (!config.rootfs.storage.empty()) return UserOfCmd(config, config.cmd, "");
  auto user = LookUpUser(rootfs, config.cmd.user, config.cmd.supplementary_groups);
  if (!user.ok()) return user.status().WithContext(Named(config.id));
  return user;
}

std::string SpecOf(const ContainerConfig& config, const User& user, const std::string& hostname) {
  return config.oci_spec.empty() ? DefaultSpec(config, user, hostname) : config.oci_spec;
}

// The pod's name service, which the agent wrote, unless the container brings its own. Last
// among the mounts, so that the places of the others stay.
ContainerConfig WithNameService(ContainerConfig config, const std::vector<std::string>& dns) {
  const char* const target = "/etc/resolv.conf";
  const bool own = std::any_of(config.mounts.begin(), config.mounts.end(),
                               [&](const Mount& mount) { return mount.destination == target; });
  if (!dns.empty() && config.oci_spec.empty() && !own) {
    config.mounts.push_back({kGuestNameService, target, "bind", {"rbind"}});
  }
  return config;
}

Result<SpecSummary> SummaryOf(const ContainerConfig& config) {
  auto summary = Inspect(SpecOf(config, User(), ""));
  if (!summary.ok()) return summary.status().WithContext(Named(config.id));
  return summary;
}

// root.path of a bundle's specification is relative to the bundle.
Result<RootFs> RootfsOf(const ContainerConfig& config, const SpecSummary& summary) {
  RootFs rootfs = config.rootfs;
  if (config.oci_spec.empty()) return rootfs;
  rootfs.read_only = summary.read_only;
  if (!rootfs.storage.empty()) return rootfs;
  rootfs.source = summary.rootfs;
  if (rootfs.source[0] == '/') return rootfs;
  if (config.bundle.empty()) {
    return InvalidArgument("root.path \"" + rootfs.source + "\" of " + Named(config.id) +
                           " is relative, but no bundle is given");
  }
  rootfs.source = config.bundle + "/" + rootfs.source;
  return rootfs;
}

// A specification may ask for PIDs of its own also in a pod that shares them, and name those of
// another container in a pod that is not known to share.
Result<bool> SharesPids(const SandboxRecord& record, const ContainerConfig& config) {
  if (config.oci_spec.empty()) return record.config.shared_pid_namespace;
  SHOJI_ASSIGN_OR_RETURN(const SpecSummary summary, SummaryOf(config));
  return summary.joins_pids || (record.config.shared_pid_namespace && !summary.own_pids);
}

std::vector<Volume> VolumesOf(const ContainerConfig& config, const SpecSummary& summary) {
  std::vector<Volume> out;
  for (const SpecBind& bind : summary.binds) {
    const bool relative = bind.source[0] != '/' && !config.bundle.empty();
    out.push_back({relative ? config.bundle + "/" + bind.source : bind.source, bind.read_only,
                   bind.destination, bind.overlay});
  }
  return out;
}

std::vector<NeededPoint> PointsOf(const SpecSummary& summary, const std::vector<Volume>& volumes) {
  std::vector<NeededPoint> out;
  for (std::size_t i = 0; i < volumes.size(); ++i) {  // first, for they know what is a file
    struct stat info = {};
    if (!volumes[i].overlay.empty()) {
      out.push_back({summary.binds[i].destination, false});
    } else if (stat(volumes[i].source.c_str(), &info) == 0) {
      out.push_back({summary.binds[i].destination, !S_ISDIR(info.st_mode)});
    }
  }
  for (const std::string& destination : summary.destinations) {
    const auto same = [&](const SpecBind& bind) { return bind.destination == destination; };
    if (std::none_of(summary.binds.begin(), summary.binds.end(), same)) {
      out.push_back({destination, false});
    }
  }
  return out;
}

// The volume that a place lies in: the one mounted deepest above it.
std::size_t VolumeAbove(const SpecSummary& summary, const std::string& path) {
  std::size_t best = summary.binds.size();
  for (std::size_t i = 0; i < summary.binds.size(); ++i) {
    const std::string above = summary.binds[i].destination + "/";
    const bool deeper =
        best == summary.binds.size() || above.size() > summary.binds[best].destination.size() + 1;
    if (path.rfind(above, 0) == 0 && deeper) best = i;
  }
  return best;
}

// Places in a volume that the guest is to see read-only: it can make none there.
void MakePointsInVolumes(const SpecSummary& summary, const std::vector<Volume>& volumes) {
  for (const NeededPoint& point : PointsOf(summary, volumes)) {
    const std::size_t i = VolumeAbove(summary, point.path);
    if (i == volumes.size() || !volumes[i].read_only) continue;
    const std::size_t above = summary.binds[i].destination.size();
    MakeMountPoints(volumes[i].source, {{point.path.substr(above), point.file}});
  }
}

// What the container has of the sandbox' storages and devices, and its limits.
Status PlaceAttached(const SandboxRecord& record, const ContainerConfig& config,
                     const SpecSummary& summary, GuestPlace& place) {
  const std::string what = Named(config.id);
  if (!config.rootfs.storage.empty()) {
    SHOJI_ASSIGN_OR_RETURN(place.rootfs, ResolveStorage(record, config.rootfs.storage, what));
  }
  for (const SpecBind& mount : summary.storages) {
    SHOJI_ASSIGN_OR_RETURN(place.binds[mount.index], ResolveStorage(record, mount.source, what));
  }
  for (const ContainerDevice& wanted : config.devices) {
    if (IsFromSpec(wanted.device) && summary.block_nodes.count(wanted.container_path) != 0) {
      place.attached_paths.insert(wanted.container_path);  // with the owner and rules it has there
      continue;
    }
    const DeviceRecord* const device = record.FindDevice(wanted.device);
    if (device == nullptr) {
      return NotFound("device \"" + wanted.device + "\" of " + what +
                      " does not exist in sandbox \"" + record.id + "\"");
    }
    place.devices.push_back(
        {wanted.container_path, IsBlockInGuest(device->info), wanted.permissions});
  }
  SHOJI_ASSIGN_OR_RETURN(place.resources, ResourcesJson(config.resources));
  return OkStatus();
}

// What needs the share of a sandbox that has none.
Status CheckShared(const SandboxRecord& record, const ContainerConfig& config, const RootFs& rootfs,
                   const std::vector<Volume>& volumes) {
  if (record.config.share || (rootfs.source.empty() && volumes.empty())) return OkStatus();
  const std::string& what = rootfs.source.empty() ? volumes[0].source : rootfs.source;
  return InvalidArgument("\"" + what + "\" of " + Named(config.id) +
                         " is on the host, but sandbox \"" + record.id +
                         "\" shares no directories; use a storage");
}

// As long as it has no shim, the VMM stands for it.
ContainerStatus BeingMade(const SandboxRecord& record, const ContainerRecord& container) {
  ContainerStatus out = StatusOf(record, container);
  if (!record.vm_processes.empty()) out.shim_pid = record.vm_processes.front().pid;
  return out;
}

Result<std::string> NewExecId() {
  char bytes[8];
  if (getrandom(bytes, sizeof(bytes), 0) != static_cast<ssize_t>(sizeof(bytes))) {
    return Internal("the kernel gives no random bytes");
  }
  return "exec-" + ToHex({bytes, sizeof(bytes)});
}

}  // namespace

Result<ContainerRecord> SandboxObject::ShareContainer(const SandboxRecord& record,
                                                      const ContainerConfig& config) {
  SHOJI_ASSIGN_OR_RETURN(const SpecSummary summary, SummaryOf(config));
  SHOJI_ASSIGN_OR_RETURN(const RootFs rootfs, RootfsOf(config, summary));
  SHOJI_RETURN_IF_ERROR(HooksOf(config).status());  // bad ones are told before the VM is there
  const std::vector<Volume> volumes = VolumesOf(config, summary);
  SHOJI_RETURN_IF_ERROR(CheckShared(record, config, rootfs, volumes));
  if (rootfs.read_only && !rootfs.ephemeral && rootfs.storage.empty()) {
    std::vector<NeededPoint> points = PointsOf(summary, volumes);
    points.push_back({"/etc/resolv.conf", true});
    points.push_back({summary.cwd, false});
    MakeMountPoints(rootfs.source, points);
  }
  MakePointsInVolumes(summary, volumes);
  SharedContainer shared;
  if (record.config.share) {
    SHOJI_ASSIGN_OR_RETURN(shared, share_.AddContainer(config.id, rootfs, volumes));
  }
  ContainerRecord out;
  out.config = config;
  if (!config.oci_spec.empty()) {
    for (const auto& [name, value] : summary.annotations) {
      out.config.annotations.emplace(name, value);
    }
  }
  out.created_unix_ns = UnixNanos();
  out.rootfs = shared.rootfs_source;
  out.share_entries = shared.entries;
  out.args = summary.args;
  out.terminal = summary.terminal;
  const auto spec = GuestSpec(record, out);  // bad users are found before the VM is there
  if (!spec.ok()) (void)share_.RemoveContainer(config.id, out.share_entries);
  SHOJI_RETURN_IF_ERROR(spec.status());
  return out;
}

Result<std::string> SandboxObject::GuestSpec(const SandboxRecord& record,
                                             const ContainerRecord& container) {
  const ContainerConfig config = WithNameService(container.config, record.config.dns);
  SHOJI_ASSIGN_OR_RETURN(const User user, UserOf(config, share_.HostRootfs(config.id)));
  const std::string spec = SpecOf(config, user, record.config.hostname);
  SHOJI_ASSIGN_OR_RETURN(const SpecSummary summary, Inspect(spec));
  GuestPlace place;
  place.container_id = config.id;
  place.rootfs = std::string(kGuestShare) + "/" + config.id + "/rootfs";
  // Entry 0 is the container's own directory, the volumes follow in order.
  for (std::size_t i = 0; i < summary.binds.size(); ++i) {
    if (i + 1 >= container.share_entries.size()) {
      return DataLoss("record of " + Named(config.id) + " lacks its volumes");
    }
    place.binds[summary.binds[i].index] =
        std::string(kGuestShare) + "/" + container.share_entries[i + 1];
  }
  SHOJI_RETURN_IF_ERROR(PlaceAttached(record, config, summary, place));
  return EditForGuest(spec, place);
}

Status SandboxObject::CreateInGuest(const SandboxRecord& record, ContainerRecord& container,
                                    Link& link, UndoStack& undo) {
  SpanTimer span(*context_, "container.create");
  Agent::ContainerRequest request;
  request.container_id = container.config.id;
  SHOJI_ASSIGN_OR_RETURN(request.shared_pid_namespace, SharesPids(record, container.config));
  SHOJI_ASSIGN_OR_RETURN(const ContainerHooks hooks,
                         ContainerHooks::Of(*context_, record, container));
  SHOJI_ASSIGN_OR_RETURN(const CreatingMark mark,
                         CreatingMark::Make(paths_, BeingMade(record, container)));
  undo.Push([hooks] { hooks.Poststop(); });
  SHOJI_RETURN_IF_ERROR(hooks.Prestart());
  SHOJI_ASSIGN_OR_RETURN(request.spec_json, GuestSpec(record, container));
  SHOJI_ASSIGN_OR_RETURN(request.storages, StoragesFor(record, container.config));
  SHOJI_ASSIGN_OR_RETURN(request.devices, DevicesFor(record, container.config));
  SHOJI_RETURN_IF_ERROR(link.Explain(link.agent().CreateContainer(context_->making_call(), request))
                            .WithContext("cannot create " + Named(container.config.id)));
  undo.Push([this, &link, id = container.config.id] {
    (void)link.agent().RemoveContainer(context_->call(), id, kRemoveSeconds);
  });
  container.state = State::kReady;
  SHOJI_ASSIGN_OR_RETURN(const ProcessId shim,
                         StartShim(record, Init(container), StdioOf(container), link));
  container.set_shim(shim);
  undo.Push([this, plugin = record.shim, shim] { StopShim(plugin, shim); });
  SHOJI_RETURN_IF_ERROR(hooks.CreateContainer(shim.pid));
  container.poststop_due = true;
  span.Finish();
  return OkStatus();
}

Status SandboxObject::RunningSandbox(const SandboxRecord& record, const std::string& what) const {
  const State state = EffectiveState(record);
  if (state == State::kRunning) return OkStatus();
  return FailedPrecondition(what + ": " + Name() + " is " + std::string(StateName(state)) +
                            ", not running");
}

Status SandboxObject::StartInGuest(const SandboxRecord& record, ContainerRecord& container,
                                   Link& link) {
  const std::string& id = container.config.id;
  SpanTimer span(*context_, "container.start");
  if (ShimHasEnded(container)) SHOJI_RETURN_IF_ERROR(StopInGuest(container, link, true));
  if (container.state == State::kPaused) {
    return FailedPrecondition("cannot start " + Named(id) +
                              ": it is paused, not ready or stopped; resume it");
  }
  SHOJI_RETURN_IF_ERROR(CheckMove(container.state, State::kRunning, Named(id)));
  if (container.state == State::kStopped) {  // its init is gone: a new one
    UndoStack undo;
    SHOJI_RETURN_IF_ERROR(
        Tolerate(link.Explain(link.agent().RemoveContainer(context_->call(), id, kRemoveSeconds))));
    StopShims(record, container);
    container.execs.clear();
    RunPoststop(record, container);
    SHOJI_RETURN_IF_ERROR(CreateInGuest(record, container, link, undo));
    undo.Commit();
  }
  const Status started = link.Explain(link.agent().StartContainer(context_->making_call(), id));
  if (!started.ok()) {
    container.state = State::kStopped;  // its init ends when it cannot run the command
    return Status(started).WithContext("cannot start " + Named(id));
  }
  container.state = State::kRunning;
  container.started_unix_ns = UnixNanos();
  span.Finish();
  if (const auto hooks = ContainerHooks::Of(*context_, record, container); hooks.ok()) {
    hooks->Poststart();
  }
  return OkStatus();
}

Status SandboxObject::StopInGuest(ContainerRecord& container, Link& link, bool force,
                                  Deadline limit) {
  if (container.state == State::kStopped) return OkStatus();
  Agent& agent = link.agent();
  const auto call = [&](std::chrono::nanoseconds most) {
    return Call{Deadline::After(most).Min(limit), -1};
  };
  const auto wait = [&](std::chrono::nanoseconds most) {
    Status waited = Tolerate(agent.WaitProcess(call(most), Init(container)).status());
    return waited.code() == StatusCode::kUnimplemented ? AwaitShim(container, call(most).deadline)
                                                       : waited;
  };
  const Settings& settings = context_->settings();
  if (!force && container.state == State::kRunning) {
    const Status asked =
        Tolerate(agent.SignalProcess(call(settings.call_limit), Init(container), SIGTERM));
    if (asked.ok() && wait(settings.stop_limit).ok()) {
      // The init is gone; the others of its container follow without being asked.
      (void)agent.SignalProcess(call(settings.call_limit), Everything(container), SIGKILL);
      container.state = State::kStopped;
      return OkStatus();
    }
  }
  SHOJI_RETURN_IF_ERROR(Tolerate(link.Explain(
      agent.SignalProcess(call(settings.call_limit), Everything(container), SIGKILL))));
  if (container.state == State::kPaused) {  // a frozen process may die only when it thaws
    (void)agent.ResumeContainer(call(settings.call_limit), container.config.id);
  }
  SHOJI_RETURN_IF_ERROR(
      link.Explain(wait(kKillLimit)).WithContext("cannot stop " + Named(container.config.id)));
  container.state = State::kStopped;
  return OkStatus();
}

void SandboxObject::Refresh(ContainerRecord& container, Link& link) {
  if (container.state != State::kRunning) return;
  const auto exit =
      link.agent().WaitProcess(Call{Deadline::After(kLookLimit), -1}, Init(container));
  const StatusCode code = exit.status().code();
  const bool by_shim = code == StatusCode::kUnimplemented && ShimHasEnded(container);
  if (exit.ok() || code == StatusCode::kNotFound || by_shim) container.state = State::kStopped;
}

Result<ContainerStatus> SandboxObject::CreateContainer(const ContainerConfig& asked) {
  ContainerConfig config = asked;
  SHOJI_ASSIGN_OR_RETURN(const std::vector<DeviceInfo> disks, TakeDisks(&config));
  SHOJI_RETURN_IF_ERROR(ValidateContainer(config));
  SHOJI_ASSIGN_OR_RETURN(Session session, Begin(LockMode::kExclusive));
  SandboxRecord& record = session.record;
  const State state = EffectiveState(record);
  if (state != State::kReady && state != State::kRunning) {
    return FailedPrecondition("cannot create " + Named(config.id) + ": " + Name() + " is " +
                              std::string(StateName(state)));
  }
  if (record.Find(config.id) != nullptr) {
    return AlreadyExists(Named(config.id) + " already exists in " + Name());
  }
  SHOJI_ASSIGN_OR_RETURN(Metadata* const metadata, context_->metadata());
  SHOJI_RETURN_IF_ERROR(metadata->CheckFree(config.id, id_));
  SHOJI_ASSIGN_OR_RETURN(const auto link, Connect(record));
  UndoStack undo;
  SHOJI_RETURN_IF_ERROR(AttachDisks(record, disks, undo));
  SHOJI_ASSIGN_OR_RETURN(ContainerRecord container, ShareContainer(record, config));
  undo.Push([this, id = config.id, entries = container.share_entries] {
    (void)share_.RemoveContainer(id, entries);
  });
  std::vector<const ContainerConfig*> sizes = {&container.config};
  for (const auto& other : record.containers) sizes.push_back(&other.config);
  SHOJI_ASSIGN_OR_RETURN(const Size size, SizeWith(record, sizes));
  SHOJI_RETURN_IF_ERROR(Grow(record, size, *link, undo));
  SHOJI_RETURN_IF_ERROR(CreateInGuest(record, container, *link, undo));
  record.containers.push_back(std::move(container));
  SHOJI_RETURN_IF_ERROR(SaveRecord(record));
  undo.Commit();
  return StatusOf(record, record.containers.back());
}

Status SandboxObject::DeleteContainer(const std::string& container_id) {
  SHOJI_ASSIGN_OR_RETURN(Session session, Begin(LockMode::kExclusive));
  SandboxRecord& record = session.record;
  SHOJI_ASSIGN_OR_RETURN(ContainerRecord* const container, FindContainer(record, container_id));
  if (VmLives(record)) {
    SHOJI_RETURN_IF_ERROR(NotPaused(record, "cannot delete " + Named(container_id)));
    SHOJI_ASSIGN_OR_RETURN(const auto link, Connect(record));
    Refresh(*container, *link);
    if (ShimHasEnded(*container)) SHOJI_RETURN_IF_ERROR(StopInGuest(*container, *link, true));
    if (container->state != State::kReady && container->state != State::kStopped) {
      return FailedPrecondition(Named(container_id) + " is " +
                                std::string(StateName(container->state)) +
                                ", not ready or stopped; stop it first");
    }
    SHOJI_RETURN_IF_ERROR(Tolerate(link->Explain(
        link->agent().RemoveContainer(context_->call(), container_id, kRemoveSeconds))));
  }
  StopShims(record, *container);
  SHOJI_RETURN_IF_ERROR(share_.RemoveContainer(container_id, container->share_entries));
  RunPoststop(record, *container);
  const std::vector<ContainerDevice> devices = container->config.devices;
  std::erase_if(record.containers, [&](const auto& c) { return c.config.id == container_id; });
  DropDisks(record, devices);
  if (const auto size = SizeOf(record); size.ok()) Shrink(record, *size);
  return SaveRecord(record);
}

Status SandboxObject::StartContainer(const std::string& container_id) {
  SHOJI_ASSIGN_OR_RETURN(Session session, Begin(LockMode::kExclusive));
  SandboxRecord& record = session.record;
  SHOJI_ASSIGN_OR_RETURN(ContainerRecord* const container, FindContainer(record, container_id));
  // The first container of a pod makes its sandbox run; no other one is started with it.
  const bool first = container_id == id_ && EffectiveState(record) == State::kReady;
  if (!first) {
    SHOJI_RETURN_IF_ERROR(RunningSandbox(record, "cannot start " + Named(container_id)));
  }
  SHOJI_ASSIGN_OR_RETURN(const auto link, Connect(record));
  Refresh(*container, *link);
  const Status started = StartInGuest(record, *container, *link);
  if (first && started.ok()) record.state = State::kRunning;
  const Status saved = SaveRecord(record);
  return started.ok() ? saved : started;
}

Status SandboxObject::StopContainer(const std::string& container_id, bool force) {
  SHOJI_ASSIGN_OR_RETURN(Session session, Begin(LockMode::kExclusive));
  SandboxRecord& record = session.record;
  SHOJI_ASSIGN_OR_RETURN(ContainerRecord* const container, FindContainer(record, container_id));
  if (VmLives(record)) {
    SHOJI_RETURN_IF_ERROR(NotPaused(record, "cannot stop " + Named(container_id)));
    SHOJI_ASSIGN_OR_RETURN(const auto link, Connect(record));
    const Status stopped = StopInGuest(*container, *link, force);
    if (!stopped.ok() && !link->VmGone()) return stopped;
  }
  for (const ExecRecord& exec : container->execs) StopShim(record.shim, exec.shim());
  container->execs.clear();
  container->state = State::kStopped;
  return SaveRecord(record);
}

Result<ContainerStatus> SandboxObject::StatusContainer(const std::string& container_id) {
  SHOJI_ASSIGN_OR_RETURN(Metadata* const metadata, context_->metadata());
  SHOJI_ASSIGN_OR_RETURN(SandboxRecord record, metadata->Load(id_));
  SHOJI_ASSIGN_OR_RETURN(const ContainerRecord* const container,
                         FindContainer(record, container_id));
  return StatusOf(record, *container);
}

Result<OciProcess> SandboxObject::ProcessOf(const Cmd& cmd, const ContainerConfig& container,
                                            const std::string& hostname) {
  if (!cmd.oci_process.empty()) return ReadOciProcess(cmd.oci_process, container);
  SHOJI_ASSIGN_OR_RETURN(const User user,
                         UserOfCmd(container, cmd, share_.HostRootfs(container.id)));
  SHOJI_ASSIGN_OR_RETURN(std::string json, ExecProcess(cmd, user, container, hostname));
  return OciProcess{std::move(json), cmd.terminal};
}

Result<std::string> SandboxObject::EnterContainer(const std::string& container_id, const Cmd& cmd) {
  SHOJI_RETURN_IF_ERROR(ValidateCmd(cmd, "a process of " + Named(container_id)));
  SHOJI_ASSIGN_OR_RETURN(Session session, Begin(LockMode::kShared));
  SandboxRecord& record = session.record;
  SHOJI_ASSIGN_OR_RETURN(const ContainerRecord* const container,
                         FindContainer(record, container_id));
  const std::string what = "cannot enter " + Named(container_id);
  SHOJI_RETURN_IF_ERROR(RunningSandbox(record, what));
  if (const State state = EffectiveState(record, *container); state != State::kRunning) {
    return FailedPrecondition(what + ": it is " + std::string(StateName(state)) + ", not running");
  }
  auto process = ProcessOf(cmd, container->config, record.config.hostname);
  if (!process.ok()) return process.status().WithContext(what);
  SHOJI_ASSIGN_OR_RETURN(const auto link, Connect(record));
  SHOJI_ASSIGN_OR_RETURN(std::string exec_id, NewExecId());
  const ProcessRef ref = {container_id, exec_id};
  const auto begin = [&] {
    return link->Explain(link->agent().ExecProcess(context_->making_call(), ref, process->json));
  };
  const bool shim_first = link->agent().shim_first();
  if (!shim_first) SHOJI_RETURN_IF_ERROR(begin());
  SHOJI_RETURN_IF_ERROR(
      StartExecShim(std::move(session), ref, {process->terminal, cmd.console, cmd.detach}, *link));
  const Status begun = shim_first ? begin() : OkStatus();
  if (!begun.ok()) NoteExecEnd(ref);  // and that of its shim
  SHOJI_RETURN_IF_ERROR(begun);
  return exec_id;
}

// SIGKILL ends whatever it meets, so a VM that stands still must not keep it from doing so. With
// other containers in the VM whoever paused them decides.
Status SandboxObject::ResumeToKill(const std::string& container_id) {
  SHOJI_ASSIGN_OR_RETURN(Session session, Begin(LockMode::kShared));
  const SandboxRecord& record = session.record;
  const bool alone = record.containers.size() == 1 && record.Find(container_id) != nullptr;
  if (!alone || EffectiveState(record) != State::kPaused) return OkStatus();
  session.lock.Release();
  Status resumed = Resume();
  const bool others_did = resumed.code() == StatusCode::kFailedPrecondition;
  return others_did ? OkStatus() : resumed;
}

Status SandboxObject::KillContainer(const std::string& container_id, int signal, bool all) {
  SHOJI_RETURN_IF_ERROR(ValidateSignal(signal));
  if (signal == SIGKILL) SHOJI_RETURN_IF_ERROR(ResumeToKill(container_id));
  SHOJI_ASSIGN_OR_RETURN(Session session, Begin(LockMode::kShared));
  SHOJI_ASSIGN_OR_RETURN(const ContainerRecord* const container,
                         FindContainer(session.record, container_id));
  if (container->state == State::kStopped) return OkStatus();
  session.lock.Release();
  return Signal(all ? Everything(*container) : Init(*container), signal);
}

}  // namespace shoji
