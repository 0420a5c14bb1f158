// A sandbox as files, and a sandbox from such files.
//
// <dir>/vm has what the hypervisor plugin wrote, <dir>/sandbox.json the record; the record is
// written last, so that a snapshot without one is known to be incomplete.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "host/liveness.h"
#include "request/validate.h"
#include "sandbox/object.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"

namespace shoji {
namespace {

std::string VmDir(const std::string& dir) { return dir + "/vm"; }
std::string RecordPath(const std::string& dir) { return dir + "/sandbox.json"; }

Status CheckDir(const std::string& dir) {
  if (!dir.empty() && dir[0] == '/' && dir.find('\0') == std::string::npos) return OkStatus();
  return InvalidArgument("directory \"" + dir + "\" of a snapshot is not an absolute path");
}

// Makes `dir` and `dir`/vm, or finds `dir` empty.
Status PrepareDir(const std::string& dir, UndoStack& undo) {
  SHOJI_RETURN_IF_ERROR(CheckDir(dir));
  if (mkdir(dir.c_str(), 0700) == 0) {
    undo.Push([dir] { (void)rmdir(dir.c_str()); });
  } else if (errno != EEXIST) {
    return ErrnoStatus(errno, "cannot make directory " + dir);
  }
  SHOJI_ASSIGN_OR_RETURN(const auto names, ListDir(dir));
  if (!names.empty()) {
    return FailedPrecondition("directory " + dir + " is not empty, it has \"" + names[0] + "\"");
  }
  if (mkdir(VmDir(dir).c_str(), 0700) < 0) {
    return ErrnoStatus(errno, "cannot make directory " + VmDir(dir));
  }
  undo.Push([dir] { (void)RemoveTree(VmDir(dir)); });
  return OkStatus();
}

// A VM is restored with the size and the disks that it was made with; what came or went since is
// in its state, but not in the new VM.
Status CheckDevices(const SandboxRecord& record, const std::string& what) {
  const std::vector<std::string>& boot = record.boot_devices;
  for (const DeviceRecord& device : record.devices) {
    const std::string& id = device.info.id;
    const bool storage = record.FindStorage(id) != nullptr;
    const std::string its = what + ": its " + (storage ? "storage" : "device") + " \"" + id + "\"";
    if (device.info.kind != DeviceInfo::Kind::kBlock) {
      return FailedPrecondition(its + " belongs to the host and cannot be saved");
    }
    if (std::find(boot.begin(), boot.end(), id) == boot.end()) {
      return FailedPrecondition(its + " came when it ran and cannot be saved; remove it first");
    }
  }
  for (const std::string& id : boot) {
    if (record.FindDevice(id) != nullptr) continue;
    return FailedPrecondition(what + ": device \"" + id +
                              "\", with which it was made, was removed; stop and start it first");
  }
  return OkStatus();
}

Status CheckSavable(const SandboxRecord& record, const std::string& what) {
  if (!record.interfaces.empty()) {
    return FailedPrecondition(what + ": its interface \"" + record.interfaces[0].info.name +
                              "\" cannot be saved");
  }
  if (!record.network_state.empty()) {
    return FailedPrecondition(what + ": it is joined to network namespace \"" +
                              record.config.network.netns + "\", which cannot be saved");
  }
  SHOJI_RETURN_IF_ERROR(CheckDevices(record, what));
  const bool same = record.boot_vcpus == 0 || (record.vcpus == record.boot_vcpus &&
                                               record.memory_bytes == record.boot_memory_bytes);
  if (same) return OkStatus();
  return FailedPrecondition(what + ": it was made with " + std::to_string(record.boot_vcpus) +
                            " vCPUs and " + std::to_string(record.boot_memory_bytes) +
                            " bytes of memory, which changed since; stop and start it first");
}

}  // namespace

struct SandboxObject::Snapshot {
  std::string dir;
  SandboxRecord record;

  static Result<Snapshot> Read(const std::string& dir) {
    SHOJI_RETURN_IF_ERROR(CheckDir(dir));
    const auto text = ReadFile(RecordPath(dir));
    if (!text.ok()) {
      return DataLoss("the snapshot in " + dir + " is incomplete: " + text.status().message());
    }
    auto record = ParseRecord(*text);
    if (!record.ok()) return record.status().WithContext(RecordPath(dir));
    if (!PathExists(VmDir(dir))) {
      return DataLoss("the snapshot in " + dir + " is incomplete: it has no directory vm");
    }
    return Snapshot{dir, std::move(*record)};
  }
};

// ---- save ------------------------------------------------------------------------------

Status SandboxObject::Save(const std::string& dir) {
  const std::string what = "cannot save " + Name();
  SHOJI_RETURN_IF_ERROR(CheckDir(dir));
  SHOJI_ASSIGN_OR_RETURN(Session session, Begin(LockMode::kExclusive));
  SandboxRecord& record = session.record;
  const State state = EffectiveState(record);
  if (state != State::kRunning && state != State::kPaused) {
    return FailedPrecondition(what + ": it is " + std::string(StateName(state)) +
                              ", not running or paused");
  }
  SHOJI_RETURN_IF_ERROR(CheckSavable(record, what));
  SHOJI_ASSIGN_OR_RETURN(const auto vm, AttachVm(record));
  UndoStack undo;
  SHOJI_RETURN_IF_ERROR(PrepareDir(dir, undo).WithContext(what));
  if (state == State::kRunning) {
    SHOJI_RETURN_IF_ERROR(PauseVm(record, *vm).WithContext(what));
  }
  const Status written = WriteSnapshot(record, *vm, dir);
  if (written.ok()) undo.Commit();
  const Status resumed = state == State::kRunning ? ResumeVm(record, *vm) : OkStatus();
  return written.ok() ? resumed : Status(written).WithContext(what);
}

// Removes nothing: the directory of the VM's files belongs to the caller.
Status SandboxObject::WriteSnapshot(SandboxRecord& record, Vm& vm, const std::string& dir) {
  const Call call{Deadline::After(context_->settings().boot_limit), -1};
  SHOJI_RETURN_IF_ERROR(vm.SaveSnapshot(call, VmDir(dir), false));
  SandboxRecord saved = record;
  saved.vm_state.clear();
  saved.proxy_state.clear();
  saved.vm_processes.clear();
  return WriteFileAtomic(RecordPath(dir), FormatRecord(saved), 0600);
}

// ---- restore ---------------------------------------------------------------------------

Result<std::shared_ptr<SandboxObject>> SandboxObject::Restore(
    const std::shared_ptr<Context>& context, const std::string& id, const std::string& dir) {
  SHOJI_RETURN_IF_ERROR(ValidateId("sandbox", id));
  SpanTimer span(*context, "sandbox.restore");
  SHOJI_ASSIGN_OR_RETURN(const Snapshot snapshot, Snapshot::Read(dir));
  SHOJI_ASSIGN_OR_RETURN(Metadata* const metadata, context->metadata());
  const std::shared_ptr<SandboxObject> self(new SandboxObject(context, id));
  FileLock lock;  // before the undo stack: held until everything is taken back
  UndoStack undo;
  SHOJI_ASSIGN_OR_RETURN(lock, self->Claim(undo));
  SandboxConfig config = snapshot.record.config;
  for (const ContainerRecord& container : snapshot.record.containers) {
    config.containers.push_back(container.config);
  }
  SHOJI_RETURN_IF_ERROR(self->CheckContainerIds(config));
  SandboxRecord record = snapshot.record;
  record.id = id;
  record.config.id = id;
  record.created_unix_ns = UnixNanos();
  record.released = false;
  record.boot = 1;
  SHOJI_RETURN_IF_ERROR(
      self->RestoreFrom(snapshot, record, undo).WithContext("cannot restore " + self->Name()));
  record.state = State::kRunning;
  undo.Push([metadata, id] { (void)metadata->Remove(id); });
  SHOJI_RETURN_IF_ERROR(metadata->Save(record));
  undo.Commit();
  context->RememberObject(id, self, true);
  span.Finish();
  return self;
}

Status SandboxObject::RestoreFrom(const Snapshot& snapshot, SandboxRecord& record,
                                  UndoStack& undo) {
  SHOJI_RETURN_IF_ERROR(MakeDirs(paths_.vm, 0700));
  SHOJI_RETURN_IF_ERROR(MakeDirs(paths_.proxy, 0700));
  if (record.config.share) {
    undo.Push([this] { (void)share_.RemoveAll(); });
    SHOJI_RETURN_IF_ERROR(share_.Prepare());
  }
  SHOJI_RETURN_IF_ERROR(PrepareAttached(record));
  SHOJI_RETURN_IF_ERROR(MakeCgroup(record, undo));
  SHOJI_ASSIGN_OR_RETURN(NewVm made, RestoreVm(snapshot, record));
  SHOJI_RETURN_IF_ERROR(AdoptVm(record, std::move(made), undo));
  SHOJI_RETURN_IF_ERROR(JoinCgroup(record));
  SHOJI_ASSIGN_OR_RETURN(const auto vm, AttachVm(record));
  SHOJI_RETURN_IF_ERROR(vm->Resume(context_->making_call()));
  SHOJI_ASSIGN_OR_RETURN(const auto link, Connect(record));
  const Call call{Deadline::After(context_->settings().boot_limit), context_->settings().cancel_fd};
  SHOJI_RETURN_IF_ERROR(link->Explain(link->agent().Check(call)));
  // Two guests with the same random numbers would have the same secrets.
  SHOJI_RETURN_IF_ERROR(WakeGuest(*link));
  SHOJI_RETURN_IF_ERROR(ConfirmDevices(record, *vm));
  return RestoreContainers(record, *link, undo);
}

// A paused VM with its proxy and agent, or nothing.
Result<NewVm> SandboxObject::RestoreVm(const Snapshot& snapshot, const SandboxRecord& record) {
  const Settings& settings = context_->settings();
  const Call call{Deadline::After(settings.boot_limit), settings.cancel_fd};
  SHOJI_ASSIGN_OR_RETURN(Hypervisor* const hypervisor, context_->hypervisor(record.hypervisor));
  NewVm out;
  SHOJI_ASSIGN_OR_RETURN(VmConfig config, VmConfigOf(record));
  config.devices = BootDevices(record, {});
  SHOJI_ASSIGN_OR_RETURN(out.vm, hypervisor->Restore(call, VmDir(snapshot.dir), config, false));
  UndoStack undo;
  undo.Push([&] {
    out.agent.reset();
    if (out.proxy != nullptr) (void)out.proxy->Stop(context_->call());
    (void)out.vm->Destroy(context_->call());
  });
  Proxy::Params params;
  params.sandbox_id = id_;
  params.run_dir = paths_.proxy;
  SHOJI_ASSIGN_OR_RETURN(params.agent_url, out.vm->AgentEndpoint());
  SHOJI_ASSIGN_OR_RETURN(out.proxy, context_->plugins().StartProxy(record.proxy, call, params));
  SHOJI_ASSIGN_OR_RETURN(out.agent, context_->plugins().OpenAgent(record.agent, *out.proxy));
  undo.Commit();
  return out;
}

// What they have on the host; in the guest they are where they were.
Status SandboxObject::RestoreContainers(SandboxRecord& record, Link& link, UndoStack& undo) {
  for (ContainerRecord& container : record.containers) {
    if (record.config.share) {
      SHOJI_ASSIGN_OR_RETURN(ContainerRecord shared, ShareContainer(record, container.config));
      container.rootfs = std::move(shared.rootfs);
      container.share_entries = std::move(shared.share_entries);
    }
    container.execs.clear();
    container.poststop_due = false;  // no prestart hook ran for this one
    const ProcessRef init = {container.config.id, container.config.id};
    SHOJI_ASSIGN_OR_RETURN(const ProcessId shim, StartShim(record, init, StdioOf(container), link));
    container.set_shim(shim);
    undo.Push([this, plugin = record.shim, shim] { StopShim(plugin, shim); });
  }
  return OkStatus();
}

}  // namespace shoji
