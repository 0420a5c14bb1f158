// Devices of a sandbox.
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "request/device_place.h"
#include "request/spec_attach.h"
#include "request/validate.h"
#include "sandbox/object.h"
#include "shoji/base/errno.h"

namespace shoji {
namespace {

std::string Named(const std::string& id) { return "device \"" + id + "\""; }

std::string WhatFor(const DeviceInfo& device) { return "cannot add " + Named(device.id); }

// Who uses the device; empty for nobody.
std::string UserOf(const SandboxRecord& record, const std::string& id) {
  for (const StorageRecord& storage : record.storages) {
    if (storage.device_id == id) return "storage \"" + storage.info.id + "\"";
  }
  for (const ContainerRecord& container : record.containers) {
    for (const ContainerDevice& device : container.config.devices) {
      if (device.device == id) return "container \"" + container.config.id + "\"";
    }
  }
  return {};
}

void Forget(SandboxRecord& record, const std::string& id) {
  std::erase_if(record.devices, [&](const auto& device) { return device.info.id == id; });
}

}  // namespace

std::vector<VmDevice> SandboxObject::BootDevices(const SandboxRecord& record,
                                                 const std::vector<Nic>& nics) {
  std::vector<VmDevice> out;
  for (const DeviceRecord& device : record.devices) out.push_back(ToVmDevice(device.info));
  for (const Nic& nic : nics) out.push_back({NicDeviceId(nic.mac), nic});
  return out;
}

Status SandboxObject::CheckOnHost(const DeviceInfo& device) {
  const bool file = device.kind == DeviceInfo::Kind::kBlock;
  if (!file && device.kind != DeviceInfo::Kind::kVhostUser) return OkStatus();
  const std::string what = "host_path \"" + device.host_path + "\" of " + Named(device.id);
  struct stat info = {};
  if (stat(device.host_path.c_str(), &info) < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return NotFound(what + " does not exist");
    return ErrnoStatus(errno, "cannot look at " + what);
  }
  if (!file && !S_ISSOCK(info.st_mode)) return InvalidArgument(what + " is not a socket");
  if (file && !S_ISREG(info.st_mode) && !S_ISBLK(info.st_mode)) {
    return InvalidArgument(what + " is neither a file nor a block device");
  }
  return OkStatus();
}

Status SandboxObject::ConfirmDevices(SandboxRecord& record, Vm& vm) {
  for (DeviceRecord& device : record.devices) {
    auto address = vm.AttachDevice(context_->making_call(), ToVmDevice(device.info));
    if (!address.ok()) return address.status().WithContext(WhatFor(device.info));
    device.address = std::move(*address);
  }
  return OkStatus();
}

Result<DeviceRecord*> SandboxObject::Attach(SandboxRecord& record, const DeviceInfo& device,
                                            UndoStack& undo) {
  SHOJI_ASSIGN_OR_RETURN(const auto link, Connect(record));
  SHOJI_ASSIGN_OR_RETURN(const auto vm, AttachVm(record));
  const auto address = vm->AttachDevice(context_->making_call(), ToVmDevice(device));
  if (!address.ok()) return link->Explain(address.status()).WithContext(WhatFor(device));
  undo.Push([this, vm, id = device.id] {
    if (const Status s = vm->DetachDevice(context_->call(), id); !s.ok()) {
      context_->Log(LogLevel::kWarn, Name() + ": " + Named(id) + " stays: " + s.message());
    }
  });
  SHOJI_RETURN_IF_ERROR(ParseAddress(*address).status().WithContext(WhatFor(device)));
  record.devices.push_back({device, *address, ""});
  return &record.devices.back();
}

Status SandboxObject::Detach(const SandboxRecord& record, const DeviceInfo& device,
                             UndoStack& undo) {
  if (!VmLives(record)) return OkStatus();
  // The guest has to let go of it.
  SHOJI_RETURN_IF_ERROR(NotPaused(record, "cannot remove " + Named(device.id)));
  SHOJI_ASSIGN_OR_RETURN(const auto link, Connect(record));
  SHOJI_ASSIGN_OR_RETURN(const auto vm, AttachVm(record));
  SHOJI_RETURN_IF_ERROR(link->Explain(vm->DetachDevice(context_->call(), device.id))
                            .WithContext("cannot remove " + Named(device.id)));
  undo.Push([this, vm, device] { (void)vm->AttachDevice(context_->call(), ToVmDevice(device)); });
  return OkStatus();
}

Result<std::vector<AgentDevice>> SandboxObject::DevicesFor(const SandboxRecord& record,
                                                           const ContainerConfig& config) const {
  std::vector<AgentDevice> out;
  for (const ContainerDevice& wanted : config.devices) {
    const DeviceRecord* const device = record.FindDevice(wanted.device);
    if (device == nullptr) return NotFound(Named(wanted.device) + " is not in " + Name());
    auto made = ToAgentDevice(*device, wanted);
    if (!made.ok()) return made.status().WithContext("container \"" + config.id + "\"");
    out.push_back(std::move(*made));
  }
  return out;
}

Status SandboxObject::MayAttach(const SandboxRecord& record, const std::string& what) const {
  const State state = EffectiveState(record);
  if (state == State::kReady || state == State::kRunning) return OkStatus();
  return FailedPrecondition(what + ": " + Name() + " is " + std::string(StateName(state)) +
                            ", not ready or running");
}

Status SandboxObject::AttachDisks(SandboxRecord& record, const std::vector<DeviceInfo>& disks,
                                  UndoStack& undo) {
  for (const DeviceInfo& disk : disks) {
    if (record.FindDevice(disk.id) != nullptr) continue;  // of another container
    SHOJI_RETURN_IF_ERROR(Attach(record, disk, undo).status());
  }
  return OkStatus();
}

void SandboxObject::DropDisks(SandboxRecord& record, const std::vector<ContainerDevice>& devices) {
  for (const ContainerDevice& device : devices) {
    const DeviceRecord* const found = record.FindDevice(device.device);
    if (!IsFromSpec(device.device) || found == nullptr) continue;
    if (!UserOf(record, device.device).empty()) continue;
    UndoStack undo;
    if (const Status left = Detach(record, found->info, undo); !left.ok()) {
      context_->Log(LogLevel::kWarn, Name() + ": " + left.message());  // it goes with the VM
      continue;
    }
    undo.Commit();
    Forget(record, device.device);
  }
}

Result<DeviceStatus> SandboxObject::AddDevice(const DeviceInfo& device) {
  SHOJI_RETURN_IF_ERROR(ValidateDevice(device));
  SHOJI_RETURN_IF_ERROR(CheckOnHost(device));
  SHOJI_ASSIGN_OR_RETURN(Session session, Begin(LockMode::kExclusive));
  SandboxRecord& record = session.record;
  SHOJI_RETURN_IF_ERROR(MayAttach(record, WhatFor(device)));
  if (record.FindStorage(device.id) != nullptr) {
    return AlreadyExists(WhatFor(device) + ": " + Name() + " has a storage of this id");
  }
  if (const DeviceRecord* const known = record.FindDevice(device.id); known != nullptr) {
    if (known->info == device) return DeviceStatus{known->info, known->address};
    return AlreadyExists(Named(device.id) + " is in " + Name() + " with other content");
  }
  UndoStack undo;
  SHOJI_ASSIGN_OR_RETURN(const DeviceRecord* const added, Attach(record, device, undo));
  SHOJI_RETURN_IF_ERROR(SaveRecord(record));
  undo.Commit();
  return DeviceStatus{added->info, added->address};
}

Status SandboxObject::RemoveDevice(const std::string& device_id) {
  SHOJI_RETURN_IF_ERROR(ValidateId("device", device_id));
  SHOJI_ASSIGN_OR_RETURN(Session session, Begin(LockMode::kExclusive));
  SandboxRecord& record = session.record;
  const DeviceRecord* const device = record.FindDevice(device_id);
  if (device == nullptr) return OkStatus();
  if (const std::string user = UserOf(record, device_id); !user.empty()) {
    return FailedPrecondition("cannot remove " + Named(device_id) + ": " + user + " uses it");
  }
  UndoStack undo;
  SHOJI_RETURN_IF_ERROR(Detach(record, device->info, undo));
  Forget(record, device_id);
  SHOJI_RETURN_IF_ERROR(SaveRecord(record));
  undo.Commit();
  return OkStatus();
}

Status SandboxObject::LimitDevice(const std::string& device_id,
                                  const std::optional<DiskLimits>& limits) {
  const std::string what = Named(device_id);
  if (limits) SHOJI_RETURN_IF_ERROR(ValidateDiskLimits(*limits, what));
  SHOJI_ASSIGN_OR_RETURN(Session session, Begin(LockMode::kExclusive));
  SandboxRecord& record = session.record;
  DeviceRecord* const device = record.FindDevice(device_id);
  if (device == nullptr) return NotFound(what + " does not exist in " + Name());
  if (device->info.kind != DeviceInfo::Kind::kBlock) {
    return InvalidArgument(what + " is no disk; only disks have such limits");
  }
  UndoStack undo;
  if (VmLives(record)) {
    SHOJI_ASSIGN_OR_RETURN(const auto vm, AttachVm(record));
    SHOJI_RETURN_IF_ERROR(vm->LimitBlock(context_->call(), device_id, limits ? &*limits : nullptr));
    undo.Push([this, vm, device_id, old = device->info.limits] {
      (void)vm->LimitBlock(context_->call(), device_id, old ? &*old : nullptr);
    });
  }
  device->info.limits = limits;
  if (StorageRecord* const storage = record.FindStorage(device_id); storage != nullptr) {
    storage->info.limits = limits;
  }
  SHOJI_RETURN_IF_ERROR(SaveRecord(record));
  undo.Commit();
  return OkStatus();
}

}  // namespace shoji
