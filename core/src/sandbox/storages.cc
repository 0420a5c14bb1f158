// Storages of a sandbox.
#include <algorithm>
#include <utility>

#include "request/agent_storage.h"
#include "request/device_place.h"
#include "request/validate.h"
#include "sandbox/object.h"

namespace shoji {
namespace {

std::string Named(const std::string& id) { return "storage \"" + id + "\""; }

bool Uses(const ContainerConfig& config, const std::string& storage_id) {
  const auto refs = StorageRefs(config);
  return std::any_of(refs.begin(), refs.end(), [&](const std::string& ref) {
    const auto parsed = ParseStorageRef(ref, "container");
    return parsed.ok() && parsed->id == storage_id;
  });
}

std::string UserOf(const SandboxRecord& record, const std::string& id) {
  for (const ContainerRecord& container : record.containers) {
    if (Uses(container.config, id)) return "container \"" + container.config.id + "\"";
  }
  return {};
}

StorageStatus StatusOf(const StorageRecord& storage) { return {storage.info, storage.guest_path}; }

}  // namespace

Status SandboxObject::PrepareAttached(const SandboxRecord& record) {
  for (const DeviceRecord& device : record.devices) {
    SHOJI_RETURN_IF_ERROR(CheckOnHost(device.info));
  }
  for (const StorageRecord& storage : record.storages) {
    if (storage.share_entry.empty()) continue;
    SHOJI_RETURN_IF_ERROR(
        share_.AddDirectory(storage.share_entry, storage.info.source, storage.info.read_only)
            .WithContext(Named(storage.info.id)));
  }
  return OkStatus();
}

Result<std::vector<AgentStorage>> SandboxObject::StoragesOfSandbox(const SandboxRecord& record) {
  std::vector<AgentStorage> out;
  if (record.config.share) {
    SHOJI_ASSIGN_OR_RETURN(const auto vm, AttachVm(record));
    SHOJI_ASSIGN_OR_RETURN(AgentStorage share, ShareStorage(*vm));
    out.push_back(std::move(share));
  }
  out.push_back(ShmStorage(record.config.shm_size));
  for (const StorageRecord& storage : record.storages) {
    SHOJI_ASSIGN_OR_RETURN(AgentStorage mount,
                           MountOf(storage, record.FindDevice(storage.device_id)));
    if (!mount.driver.empty()) out.push_back(std::move(mount));
  }
  return out;
}

Result<std::vector<AgentStorage>> SandboxObject::StoragesFor(const SandboxRecord& record,
                                                             const ContainerConfig& config) const {
  SHOJI_ASSIGN_OR_RETURN(const auto storages, StoragesOf(record, config));
  std::vector<AgentStorage> out;
  for (const StorageRecord* const storage : storages) {
    if (!storage->with_containers) continue;
    SHOJI_ASSIGN_OR_RETURN(AgentStorage mount,
                           MountOf(*storage, record.FindDevice(storage->device_id)));
    if (!mount.driver.empty()) out.push_back(std::move(mount));
  }
  return out;
}

Status SandboxObject::AddStorageOnHost(const StorageInfo& storage, UndoStack& undo) {
  const std::string entry = ShareEntryOf(storage);
  SHOJI_RETURN_IF_ERROR(share_.AddDirectory(entry, storage.source, storage.read_only));
  undo.Push([this, entry] { (void)share_.RemoveEntry(entry); });
  return OkStatus();
}

Result<StorageStatus> SandboxObject::AddStorage(const StorageInfo& storage) {
  using Kind = StorageInfo::Kind;
  SHOJI_RETURN_IF_ERROR(ValidateStorage(storage));
  if (storage.kind == Kind::kBlock) SHOJI_RETURN_IF_ERROR(CheckOnHost(DiskOf(storage)));
  const std::string what = "cannot add " + Named(storage.id);
  SHOJI_ASSIGN_OR_RETURN(Session session, Begin(LockMode::kExclusive));
  SandboxRecord& record = session.record;
  SHOJI_RETURN_IF_ERROR(MayAttach(record, what));
  if (const StorageRecord* const known = record.FindStorage(storage.id); known != nullptr) {
    if (known->info == storage) return StatusOf(*known);
    return AlreadyExists(Named(storage.id) + " is in " + Name() + " with other content");
  }
  if (record.FindDevice(storage.id) != nullptr) {
    return AlreadyExists(what + ": " + Name() + " has a device of this id");
  }
  if (storage.kind == Kind::kDirectory && !record.config.share) {
    return FailedPrecondition(what + ": " + Name() + " was made without a share");
  }
  UndoStack undo;
  if (storage.kind == Kind::kDirectory) {
    SHOJI_RETURN_IF_ERROR(AddStorageOnHost(storage, undo).WithContext(what));
  } else if (storage.kind == Kind::kBlock) {
    SHOJI_RETURN_IF_ERROR(Attach(record, DiskOf(storage), undo).status());
  }
  record.storages.push_back(NewStorageRecord(storage));
  record.storages.back().with_containers = true;
  SHOJI_RETURN_IF_ERROR(SaveRecord(record));
  undo.Commit();
  return StatusOf(record.storages.back());
}

Status SandboxObject::RemoveStorage(const std::string& storage_id) {
  SHOJI_RETURN_IF_ERROR(ValidateId("storage", storage_id));
  SHOJI_ASSIGN_OR_RETURN(Session session, Begin(LockMode::kExclusive));
  SandboxRecord& record = session.record;
  const StorageRecord* const found = record.FindStorage(storage_id);
  if (found == nullptr) return OkStatus();
  const StorageRecord storage = *found;
  const std::string what = "cannot remove " + Named(storage_id) + ": ";
  if (const std::string user = UserOf(record, storage_id); !user.empty()) {
    return FailedPrecondition(what + user + " uses it");
  }
  const bool lives = VmLives(record);
  if (lives && storage.share_entry.empty() && !storage.with_containers) {
    return FailedPrecondition(what + "the guest has it mounted as long as " + Name() +
                              " runs; stop it first");
  }
  UndoStack undo;
  if (!storage.device_id.empty()) {
    SHOJI_RETURN_IF_ERROR(Detach(record, DiskOf(storage.info), undo));
    std::erase_if(record.devices, [&](const auto& d) { return d.info.id == storage.device_id; });
  }
  std::erase_if(record.storages, [&](const auto& s) { return s.info.id == storage_id; });
  SHOJI_RETURN_IF_ERROR(SaveRecord(record));
  undo.Commit();
  // Last, for a directory that could not be shown again would be lost to those who use it.
  return storage.share_entry.empty() ? OkStatus() : share_.RemoveEntry(storage.share_entry);
}

}  // namespace shoji
