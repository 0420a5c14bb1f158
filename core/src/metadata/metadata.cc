#include "metadata/metadata.h"

#include <algorithm>

#include "metadata/keys.h"
#include "metadata/mark.h"
#include "shoji/base/strings.h"

namespace shoji {
namespace {

bool Lists(const SandboxRecord& record, const std::string& container_id) {
  return record.Find(container_id) != nullptr;
}

Status Taken(const std::string& container_id, const std::string& sandbox_id) {
  return AlreadyExists("container \"" + container_id + "\" already exists in sandbox \"" +
                       sandbox_id + "\"; container ids are unique on a host");
}

}  // namespace

Metadata::Metadata(std::unique_ptr<Store> store, std::string lock_path)
    : store_(std::move(store)), lock_path_(std::move(lock_path)) {}

Status Metadata::Ready() {
  if (ready_) return OkStatus();
  const auto mark = ReadMark(*store_);
  // Not DATA_LOSS: a caller would take that for one damaged record, and remove it.
  if (mark.status().code() == StatusCode::kDataLoss) {
    return FailedPrecondition(mark.status().message());
  }
  SHOJI_RETURN_IF_ERROR(mark.status());
  SHOJI_RETURN_IF_ERROR(CheckUsable(*mark, store_->name()));
  ready_ = true;
  return OkStatus();
}

Result<FileLock> Metadata::LockIndex() const {
  return FileLock::Acquire(lock_path_, LockMode::kExclusive, Deadline::After(kStoreLimit),
                           "the container index");
}

Result<SandboxRecord> Metadata::Load(const std::string& id) {
  SHOJI_RETURN_IF_ERROR(Ready());
  const std::string what = "record \"" + SandboxKey(id) + "\" of " + store_->name();
  auto text = store_->Load(StoreCall(), SandboxKey(id));
  if (!text.ok()) {
    const StatusCode code = text.status().code();
    if (code == StatusCode::kNotFound) return NotFound("sandbox \"" + id + "\" does not exist");
    return std::move(text).status().WithContext("cannot read " + what);
  }
  auto record = ParseRecord(*text);
  if (!record.ok()) return std::move(record).status().WithContext(what);
  if (record->id != id) {
    return DataLoss(what + ": it is damaged: it is the record of \"" + record->id + "\"");
  }
  return record;
}

Result<std::vector<std::string>> Metadata::KnownContainers(const std::string& id, bool search) {
  std::vector<std::string> out;
  auto record = Load(id);
  if (record.ok()) {
    for (const auto& container : record->containers) out.push_back(container.config.id);
    return out;
  }
  const StatusCode code = record.status().code();
  if (code != StatusCode::kNotFound && code != StatusCode::kDataLoss) return record.status();
  if (!store_->can_scan() || (code == StatusCode::kNotFound && !search)) return out;
  SHOJI_ASSIGN_OR_RETURN(const auto keys, store_->Scan(StoreCall(), kContainerPrefix));
  for (const std::string& key : keys) {
    const auto owner = store_->Load(StoreCall(), key);
    if (owner.ok() && *owner == id) out.push_back(key.substr(kContainerPrefix.size()));
  }
  return out;
}

Status Metadata::AppendClaims(const SandboxRecord& record, const std::vector<std::string>& known,
                              std::vector<Store::Op>& ops) {
  for (const auto& container : record.containers) {
    const std::string& id = container.config.id;
    if (std::find(known.begin(), known.end(), id) != known.end()) continue;
    SHOJI_RETURN_IF_ERROR(CheckFree(id, record.id));
    ops.push_back({false, ContainerKey(id), record.id});
  }
  return OkStatus();
}

void Metadata::AppendReleases(const std::string& id, const std::vector<std::string>& containers,
                              std::vector<Store::Op>& ops) {
  for (const std::string& container : containers) {
    const auto owner = store_->Load(StoreCall(), ContainerKey(container));
    if (owner.ok() && *owner == id) ops.push_back({true, ContainerKey(container), ""});
  }
}

Status Metadata::Save(const SandboxRecord& record) {
  SHOJI_ASSIGN_OR_RETURN(const auto known, KnownContainers(record.id, false));
  SHOJI_ASSIGN_OR_RETURN(const FileLock lock, LockIndex());
  std::vector<Store::Op> ops;
  SHOJI_RETURN_IF_ERROR(AppendClaims(record, known, ops));
  SHOJI_RETURN_IF_ERROR(AppendListOps(record.id, false, ops));
  ops.push_back({false, SandboxKey(record.id), FormatRecord(record)});
  std::vector<std::string> dropped;
  std::copy_if(known.begin(), known.end(), std::back_inserter(dropped),
               [&](const std::string& id) { return !Lists(record, id); });
  AppendReleases(record.id, dropped, ops);
  return store_->Apply(StoreCall(), ops).WithContext("cannot save sandbox \"" + record.id + "\"");
}

Status Metadata::Remove(const std::string& id) {
  SHOJI_ASSIGN_OR_RETURN(const auto known, KnownContainers(id, true));
  SHOJI_ASSIGN_OR_RETURN(const FileLock lock, LockIndex());
  std::vector<Store::Op> ops = {{true, SandboxKey(id), ""}};
  AppendReleases(id, known, ops);
  SHOJI_RETURN_IF_ERROR(AppendListOps(id, true, ops));
  return store_->Apply(StoreCall(), ops).WithContext("cannot remove sandbox \"" + id + "\"");
}

Status Metadata::AppendListOps(const std::string& id, bool remove, std::vector<Store::Op>& ops) {
  if (store_->can_scan()) return OkStatus();
  SHOJI_ASSIGN_OR_RETURN(auto ids, List());
  const auto at = std::find(ids.begin(), ids.end(), id);
  if ((at == ids.end()) == remove) return OkStatus();
  if (remove) {
    ids.erase(at);
  } else {
    ids.push_back(id);
  }
  ops.push_back({false, std::string(kSandboxListKey), Join(ids, "\n")});
  return OkStatus();
}

Result<std::vector<std::string>> Metadata::List() {
  SHOJI_RETURN_IF_ERROR(Ready());
  std::vector<std::string> ids;
  if (store_->can_scan()) {
    SHOJI_ASSIGN_OR_RETURN(const auto keys, store_->Scan(StoreCall(), kSandboxPrefix));
    for (const std::string& key : keys) ids.push_back(key.substr(kSandboxPrefix.size()));
  } else if (auto text = store_->Load(StoreCall(), kSandboxListKey); text.ok()) {
    ids = Split(*text, '\n');
  } else if (text.status().code() != StatusCode::kNotFound) {
    return text.status();
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

Result<bool> Metadata::IsStale(const std::string& container_id, const std::string& sandbox_id) {
  const auto record = Load(sandbox_id);
  if (record.ok()) return !Lists(*record, container_id);
  if (record.status().code() == StatusCode::kNotFound) return true;
  return record.status();
}

Result<std::string> Metadata::SandboxOf(const std::string& container_id) {
  SHOJI_RETURN_IF_ERROR(Ready());
  const Status missing = NotFound("container \"" + container_id + "\" does not exist");
  auto sandbox = store_->Load(StoreCall(), ContainerKey(container_id));
  if (!sandbox.ok()) {
    return sandbox.status().code() == StatusCode::kNotFound ? missing : sandbox.status();
  }
  SHOJI_ASSIGN_OR_RETURN(const bool stale, IsStale(container_id, *sandbox));
  if (stale) return missing;
  return sandbox;
}

Status Metadata::CheckFree(const std::string& container_id, const std::string& sandbox_id) {
  SHOJI_RETURN_IF_ERROR(Ready());
  const auto sandbox = store_->Load(StoreCall(), ContainerKey(container_id));
  if (!sandbox.ok()) {
    return sandbox.status().code() == StatusCode::kNotFound ? OkStatus() : sandbox.status();
  }
  if (*sandbox == sandbox_id) return OkStatus();
  const auto stale = IsStale(container_id, *sandbox);
  // A record that cannot be read still owns what the index says.
  return stale.ok() && *stale ? OkStatus() : Taken(container_id, *sandbox);
}

Result<std::vector<std::pair<std::string, std::string>>> Metadata::StaleIndex() {
  SHOJI_RETURN_IF_ERROR(Ready());
  std::vector<std::pair<std::string, std::string>> out;
  if (!store_->can_scan()) return out;  // harmless there: SandboxOf and CheckFree look through
  SHOJI_ASSIGN_OR_RETURN(const auto keys, store_->Scan(StoreCall(), kContainerPrefix));
  for (const std::string& key : keys) {
    const std::string container = key.substr(kContainerPrefix.size());
    const auto sandbox = store_->Load(StoreCall(), key);
    if (!sandbox.ok()) continue;
    const auto stale = IsStale(container, *sandbox);
    if (stale.ok() && *stale) out.emplace_back(container, *sandbox);
  }
  return out;
}

Status Metadata::RemoveStale(const std::string& container_id) {
  SHOJI_RETURN_IF_ERROR(Ready());
  SHOJI_ASSIGN_OR_RETURN(const FileLock lock, LockIndex());
  const auto sandbox = store_->Load(StoreCall(), ContainerKey(container_id));
  if (!sandbox.ok()) return OkStatus();
  SHOJI_ASSIGN_OR_RETURN(const bool stale, IsStale(container_id, *sandbox));
  return stale ? store_->Remove(StoreCall(), ContainerKey(container_id)) : OkStatus();
}

}  // namespace shoji
