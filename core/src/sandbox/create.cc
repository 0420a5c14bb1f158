// Making a sandbox: directory and locks, then side by side VM and share, then containers.
#include <sys/stat.h>

#include <cerrno>
#include <future>
#include <nlohmann/json.hpp>
#include <utility>

#include "gc/garbage.h"
#include "host/liveness.h"
#include "host/mount.h"
#include "request/agent_storage.h"
#include "request/annotations.h"
#include "request/device_place.h"
#include "request/spec_attach.h"
#include "request/validate.h"
#include "sandbox/factories.h"
#include "sandbox/held.h"
#include "sandbox/object.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"

namespace shoji {
namespace {

constexpr int kClaimTries = 8;
constexpr auto kClaimLimit = std::chrono::seconds(10);
constexpr std::size_t kMaxHostname = 63;

void AddRecord(SandboxRecord& record, const StorageInfo& storage) {
  record.storages.push_back(NewStorageRecord(storage));
  if (!record.storages.back().device_id.empty()) {
    record.devices.push_back({DiskOf(storage), "", ""});
  }
}

}  // namespace

SandboxObject::SandboxObject(std::shared_ptr<Context> context, std::string id)
    : context_(std::move(context)),
      id_(std::move(id)),
      paths_(context_->settings().root, id_),
      share_(paths_) {}

SandboxObject::~SandboxObject() { CloseLink(false); }

Result<std::shared_ptr<SandboxObject>> SandboxObject::Create(
    const std::shared_ptr<Context>& context, const SandboxConfig& asked) {
  SandboxConfig config = asked;
  SHOJI_RETURN_IF_ERROR(
      ApplyAnnotations(context->settings().annotations, &config,
                       [&](const std::string& text) { context->Log(LogLevel::kWarn, text); }));
  SHOJI_RETURN_IF_ERROR(TakeFromSpecs(&config));
  SHOJI_RETURN_IF_ERROR(ValidateSandbox(config));
  SpanTimer span(*context, "sandbox.create");
  SHOJI_ASSIGN_OR_RETURN(Metadata* const metadata, context->metadata());
  const std::shared_ptr<SandboxObject> self(new SandboxObject(context, config.id));
  FileLock lock;  // before the undo stack: held until everything is taken back
  UndoStack undo;
  SHOJI_ASSIGN_OR_RETURN(lock, self->Claim(undo));
  SHOJI_RETURN_IF_ERROR(self->CheckContainerIds(config));
  SandboxRecord record = self->NewRecord(config);
  SHOJI_RETURN_IF_ERROR(self->Boot(record, config.containers, undo));
  undo.Push([metadata, id = config.id] { (void)metadata->Remove(id); });
  SHOJI_RETURN_IF_ERROR(metadata->Save(record));
  undo.Commit();
  context->RememberObject(config.id, self, true);
  span.Finish();
  return self;
}

// Makes the directory and takes its two locks. Whoever finds a directory without a record
// whose owner lock is free may remove it, so both must be ours in the directory that is
// still there; else once more.
Result<FileLock> SandboxObject::Claim(UndoStack& undo) {
  SHOJI_RETURN_IF_ERROR(MakeDirs(SandboxesDir(context_->settings().root)));
  for (int i = 0; i < kClaimTries; ++i) {
    if (mkdir(paths_.dir.c_str(), 0700) < 0) {
      if (errno != EEXIST) return ErrnoStatus(errno, "cannot create directory " + paths_.dir);
      SHOJI_RETURN_IF_ERROR(RemoveLeftover());
      continue;
    }
    const Deadline limit = Deadline::After(kClaimLimit);
    auto lock = FileLock::Acquire(paths_.lock, LockMode::kExclusive, limit, Name(), &lock_queue_);
    if (!lock.ok() && lock.status().code() == StatusCode::kNotFound) continue;
    if (!lock.ok()) return lock;
    undo.Push([this] {
      (void)UnmountBelow(paths_.dir);
      (void)RemoveHeld(paths_);
      (void)RemoveTree(paths_.dir);
    });
    SHOJI_ASSIGN_OR_RETURN(FileLock owner,
                           FileLock::Acquire(paths_.owner, LockMode::kExclusive, limit, Name()));
    const MutexLock guard(mutex_);
    owner_ = std::move(owner);
    return lock;
  }
  return Aborted("directory " + paths_.dir + " is made and removed by others; try again");
}

Status SandboxObject::RemoveLeftover() {
  SHOJI_ASSIGN_OR_RETURN(Metadata* const metadata, context_->metadata());
  const auto record = metadata->Load(id_);
  if (record.ok() || record.status().code() != StatusCode::kNotFound) {
    return AlreadyExists(Name() + " already exists");
  }
  SHOJI_ASSIGN_OR_RETURN(const pid_t owner, LockHolder(paths_.owner));
  if (owner != 0) {
    return AlreadyExists(Name() + " already exists: process " + std::to_string(owner) +
                         " is making it");
  }
  return GarbageCollector(*context_, false).CollectLeftover(id_);
}

Status SandboxObject::CheckContainerIds(const SandboxConfig& config) {
  SHOJI_ASSIGN_OR_RETURN(Metadata* const metadata, context_->metadata());
  if (metadata->Load(id_).ok()) {
    return AlreadyExists(Name() + " has a record but no directory; run garbage collection first");
  }
  for (const ContainerConfig& container : config.containers) {
    SHOJI_RETURN_IF_ERROR(metadata->CheckFree(container.id, id_));
  }
  return OkStatus();
}

SandboxRecord SandboxObject::NewRecord(const SandboxConfig& config) const {
  const Settings& settings = context_->settings();
  SandboxRecord record;
  record.id = id_;
  record.created_unix_ns = UnixNanos();
  record.hypervisor = settings.hypervisor;
  record.agent = settings.agent;
  record.proxy = settings.proxy;
  record.factory = settings.factory;
  record.shim = settings.shim;
  record.vcpus = config.vcpus != 0 ? config.vcpus : settings.vcpus;
  record.memory_bytes = config.memory_bytes != 0 ? config.memory_bytes : settings.memory_bytes;
  record.config = config;
  if (!config.network.netns.empty()) {
    record.network = config.network.model.empty() ? settings.network : config.network.model;
  }
  record.base_vcpus = record.vcpus;
  record.base_memory_bytes = record.memory_bytes;
  record.config.containers.clear();
  for (const DeviceInfo& device : config.devices) record.devices.push_back({device, "", ""});
  for (const StorageInfo& storage : config.storages) AddRecord(record, storage);
  record.config.devices.clear();
  record.config.storages.clear();
  if (record.config.hostname.empty()) record.config.hostname = id_.substr(0, kMaxHostname);
  return record;
}

Status SandboxObject::Boot(SandboxRecord& record, const std::vector<ContainerConfig>& configs,
                           UndoStack& undo) {
  ++record.boot;
  SHOJI_RETURN_IF_ERROR(MakeDirs(paths_.vm, 0700));
  SHOJI_RETURN_IF_ERROR(MakeDirs(paths_.proxy, 0700));
  if (record.config.share) {
    undo.Push([this] { (void)share_.RemoveAll(); });
    SHOJI_RETURN_IF_ERROR(share_.Prepare());
  }
  SHOJI_RETURN_IF_ERROR(MakeCgroup(record, undo));
  std::vector<const ContainerConfig*> sizes;
  for (const ContainerConfig& config : configs) sizes.push_back(&config);
  SHOJI_ASSIGN_OR_RETURN(const Size size, SizeWith(record, sizes));
  record.vcpus = size.vcpus;
  record.memory_bytes = size.memory_bytes;
  record.boot_vcpus = record.vcpus;
  record.boot_memory_bytes = record.memory_bytes;
  record.boot_devices.clear();
  for (const DeviceRecord& device : record.devices) record.boot_devices.push_back(device.info.id);
  for (StorageRecord& storage : record.storages) storage.with_containers = false;

  if (record.factory == kAutoFactory) {
    SHOJI_ASSIGN_OR_RETURN(const VmConfig plan, VmConfigOf(record));
    SHOJI_ASSIGN_OR_RETURN(record.factory,
                           ChooseFactory(*context_, record.factory, record.hypervisor, plan));
  }
  undo.Push([this] { (void)RemoveHeld(paths_); });

  CancelEvent cancel;
  SHOJI_RETURN_IF_ERROR(cancel.Follow(context_->settings().cancel_fd));
  Joined joined;
  const SandboxRecord& asked = record;  // nobody changes it while both sides read it
  auto booting = std::async(std::launch::async, [&] { return MakeVm(asked, cancel, joined); });
  auto containers = ShareContainers(asked, configs);
  if (!containers.ok()) cancel.Trigger();
  auto made = booting.get();
  AdoptNetwork(record, joined, undo);
  VmOrigin origin;
  if (made.ok()) {
    origin = {made->cloned, made->held, made->boot_vcpus, made->boot_memory_bytes};
    SHOJI_RETURN_IF_ERROR(AdoptVm(record, std::move(*made), undo));
  }
  SHOJI_RETURN_IF_ERROR(containers.status());
  SHOJI_RETURN_IF_ERROR(made.status());
  if (origin.held && record.config.share) {
    SHOJI_ASSIGN_OR_RETURN(containers, ShareAnew(record, configs));
  }

  SHOJI_RETURN_IF_ERROR(JoinCgroup(record));

  record.containers = std::move(*containers);
  SHOJI_ASSIGN_OR_RETURN(const auto link, Connect(record));
  SHOJI_ASSIGN_OR_RETURN(const auto vm, AttachVm(record));
  SHOJI_RETURN_IF_ERROR(FitSize(record, origin, *link));
  SHOJI_RETURN_IF_ERROR(ConfirmDevices(record, *vm));
  SHOJI_RETURN_IF_ERROR(ConfigureNetwork(record, joined, *link));
  SHOJI_RETURN_IF_ERROR(CreateInAgent(record, *link));
  for (ContainerRecord& container : record.containers) {
    SHOJI_RETURN_IF_ERROR(CreateInGuest(record, container, *link, undo));
  }
  return OkStatus();
}

Result<std::vector<ContainerRecord>> SandboxObject::ShareContainers(
    const SandboxRecord& record, const std::vector<ContainerConfig>& configs) {
  SHOJI_RETURN_IF_ERROR(PrepareAttached(record));
  std::vector<ContainerRecord> out;
  for (const ContainerConfig& config : configs) {
    SHOJI_ASSIGN_OR_RETURN(ContainerRecord container, ShareContainer(record, config));
    out.push_back(std::move(container));
  }
  return out;
}

// A VM that was made before shows its guest the share that it was made with.
Result<std::vector<ContainerRecord>> SandboxObject::ShareAnew(
    const SandboxRecord& record, const std::vector<ContainerConfig>& configs) {
  SHOJI_ASSIGN_OR_RETURN(const std::string mounts, HeldMounts(paths_));
  SHOJI_RETURN_IF_ERROR(share_.PrepareOver(mounts));
  return ShareContainers(record, configs);
}

// A VM that was made before has a size of its own; what is missing is plugged.
Status SandboxObject::FitSize(SandboxRecord& record, const VmOrigin& origin, Link& link) {
  const Size wanted{record.vcpus, record.memory_bytes};
  if (origin.boot_vcpus != 0) record.boot_vcpus = record.vcpus = origin.boot_vcpus;
  if (origin.boot_memory_bytes != 0) {
    record.boot_memory_bytes = record.memory_bytes = origin.boot_memory_bytes;
  }
  if (origin.cloned) record.boot_devices.clear();  // they are plugged
  UndoStack none;                                  // on failure the VM goes
  const Status grown = Grow(record, wanted, link, none);
  none.Commit();
  return grown;
}

// Of a new VM, and of one restored from a snapshot, which must be the same.
Result<VmConfig> SandboxObject::VmConfigOf(const SandboxRecord& record) const {
  SHOJI_ASSIGN_OR_RETURN(VmConfig config, BootConfig(context_->settings(), record.config.assets));
  config.id = id_;
  config.vcpus = record.vcpus;
  config.memory_bytes = record.memory_bytes;
  config.run_dir = paths_.vm;
  if (record.config.share) config.shares = {{kShareTag, paths_.share, false}};
  return config;
}

// The taps must be there before the VM, so the network is joined first: a few milliseconds, and
// machines that cannot hot-plug have interfaces too.
Result<NewVm> SandboxObject::MakeVm(const SandboxRecord& record, const CancelEvent& cancel,
                                    Joined& joined) {
  SHOJI_RETURN_IF_ERROR(JoinNetwork(record, cancel, joined));
  SHOJI_ASSIGN_OR_RETURN(Hypervisor* const hypervisor, context_->hypervisor(record.hypervisor));
  SHOJI_ASSIGN_OR_RETURN(Factory* const factory, context_->factory(record.factory));
  Factory::Request request;
  request.hypervisor = hypervisor;
  request.proxy_id = record.proxy;
  request.agent_id = record.agent;
  SHOJI_ASSIGN_OR_RETURN(request.config, VmConfigOf(record));
  request.config.devices = BootDevices(record, joined.nics);
  const Deadline limit = Deadline::After(context_->settings().boot_limit);
  return context_->plugins().MakeVm(*factory, Call{limit, cancel.fd()}, request);
}

Status SandboxObject::AdoptVm(SandboxRecord& record, NewVm made, UndoStack& undo) {
  const std::shared_ptr<Vm> vm = std::move(made.vm);
  {
    const MutexLock lock(mutex_);
    vm_ = vm;
    link_ = std::make_shared<Link>(id_, vm, std::move(made.proxy), std::move(made.agent),
                                   PausedTeller());
    boot_ = record.boot;
    closed_boot_ = 0;
  }
  undo.Push([this, vm] {
    CloseLink(true);
    DropVm();
    (void)vm->Destroy(context_->call());
  });
  SHOJI_ASSIGN_OR_RETURN(record.vm_state, vm->SaveState());
  SHOJI_ASSIGN_OR_RETURN(const auto pids, vm->Pids());
  record.vm_processes = Identify(pids);
  const MutexLock lock(mutex_);
  SHOJI_ASSIGN_OR_RETURN(record.proxy_state, link_->proxy().SaveState());
  return OkStatus();
}

Status SandboxObject::CreateInAgent(const SandboxRecord& record, Link& link) {
  Agent::SandboxRequest request;
  request.sandbox_id = id_;
  request.hostname = record.config.hostname;
  request.dns = record.config.dns;
  SHOJI_ASSIGN_OR_RETURN(request.storages, StoragesOfSandbox(record));
  request.shared_pid_namespace = record.config.shared_pid_namespace;
  request.guest_hook_path = record.config.guest_hook_path;
  return link.Explain(link.agent().CreateSandbox(context_->making_call(), request));
}

Result<std::shared_ptr<SandboxObject>> SandboxObject::Fetch(const std::shared_ptr<Context>& context,
                                                            const std::string& id) {
  SHOJI_RETURN_IF_ERROR(ValidateId("sandbox", id));
  SHOJI_ASSIGN_OR_RETURN(Metadata* const metadata, context->metadata());
  SHOJI_RETURN_IF_ERROR(metadata->Load(id).status());
  if (auto object = context->FindObject(id)) return object;
  const std::shared_ptr<SandboxObject> self(new SandboxObject(context, id));
  // Ownership falls to whoever comes after the owner's end; while it lives, nothing changes.
  if (auto owner = FileLock::TryAcquire(self->paths_.owner, LockMode::kExclusive, self->Name());
      owner.ok()) {
    const MutexLock lock(self->mutex_);
    self->owner_ = std::move(*owner);
  }
  context->RememberObject(id, self, false);
  return self;
}

Result<std::shared_ptr<SandboxObject>> SandboxObject::FetchToDelete(
    const std::shared_ptr<Context>& context, const std::string& id) {
  auto object = Fetch(context, id);
  if (object.ok() || object.status().code() != StatusCode::kDataLoss) return object;
  return std::shared_ptr<SandboxObject>(new SandboxObject(context, id));
}

}  // namespace shoji
