#include "metadata/metadata.h"

#include <algorithm>
#include <chrono>

#include "sandbox/lock.h"
#include "shoji/base/strings.h"

namespace shoji {
namespace {

constexpr std::string_view kSandboxes = "sandboxes/";
constexpr std::string_view kContainers = "containers/";
// Only for a store that cannot scan: the ids, one a line.
constexpr std::string_view kSandboxList = "index/sandboxes";
constexpr auto kStoreLimit = std::chrono::seconds(20);

std::string SandboxKey(const std::string& id) { return std::string(kSandboxes) + id; }
std::string ContainerKey(const std::string& id) { return std::string(kContainers) + id; }

Call StoreCall() { return Call{Deadline::After(kStoreLimit), -1}; }

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

Result<SandboxRecord> Metadata::Load(const std::string& id) {
  auto text = store_->Load(StoreCall(), SandboxKey(id));
  if (!text.ok()) {
    if (text.status().code() != StatusCode::kNotFound) return text.status();
    return NotFound("sandbox \"" + id + "\" does not exist");
  }
  auto record = ParseRecord(*text);
  if (!record.ok()) return record.status().WithContext("sandbox \"" + id + "\"");
  return record;
}

std::vector<std::string> Metadata::KnownContainers(const std::string& id) {
  std::vector<std::string> out;
  if (auto record = Load(id); record.ok()) {
    for (const auto& container : record->containers) out.push_back(container.config.id);
    return out;
  }
  if (!store_->can_scan()) return out;
  auto keys = store_->Scan(StoreCall(), kContainers);  // the record is gone or damaged
  if (!keys.ok()) return out;
  for (const std::string& key : *keys) {
    const auto owner = store_->Load(StoreCall(), key);
    if (owner.ok() && *owner == id) out.push_back(key.substr(kContainers.size()));
  }
  return out;
}

Status Metadata::Save(const SandboxRecord& record) {
  const std::vector<std::string> known = KnownContainers(record.id);
  SHOJI_ASSIGN_OR_RETURN(const FileLock lock,
                         FileLock::Acquire(lock_path_, LockMode::kExclusive,
                                           Deadline::After(kStoreLimit), "the container index"));
  std::vector<Store::Op> ops;
  for (const auto& container : record.containers) {
    const std::string& id = container.config.id;
    if (std::find(known.begin(), known.end(), id) != known.end()) continue;
    SHOJI_RETURN_IF_ERROR(CheckFree(id, record.id));
    ops.push_back({false, ContainerKey(id), record.id});
  }
  SHOJI_RETURN_IF_ERROR(AppendListOps(record.id, false, ops));
  ops.push_back({false, SandboxKey(record.id), FormatRecord(record)});
  for (const std::string& id : known) {
    if (!Lists(record, id)) ops.push_back({true, ContainerKey(id), ""});
  }
  return store_->Apply(StoreCall(), ops).WithContext("cannot save sandbox \"" + record.id + "\"");
}

Status Metadata::Remove(const std::string& id) {
  const std::vector<std::string> known = KnownContainers(id);
  SHOJI_ASSIGN_OR_RETURN(const FileLock lock,
                         FileLock::Acquire(lock_path_, LockMode::kExclusive,
                                           Deadline::After(kStoreLimit), "the container index"));
  std::vector<Store::Op> ops = {{true, SandboxKey(id), ""}};
  for (const std::string& container : known) {
    const auto owner = store_->Load(StoreCall(), ContainerKey(container));
    if (owner.ok() && *owner == id) ops.push_back({true, ContainerKey(container), ""});
  }
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
  ops.push_back({false, std::string(kSandboxList), Join(ids, "\n")});
  return OkStatus();
}

Result<std::vector<std::string>> Metadata::List() {
  std::vector<std::string> ids;
  if (store_->can_scan()) {
    SHOJI_ASSIGN_OR_RETURN(const auto keys, store_->Scan(StoreCall(), kSandboxes));
    for (const std::string& key : keys) ids.push_back(key.substr(kSandboxes.size()));
  } else if (auto text = store_->Load(StoreCall(), kSandboxList); text.ok()) {
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
  std::vector<std::pair<std::string, std::string>> out;
  if (!store_->can_scan()) return out;  // harmless there: SandboxOf and CheckFree look through
  SHOJI_ASSIGN_OR_RETURN(const auto keys, store_->Scan(StoreCall(), kContainers));
  for (const std::string& key : keys) {
    const std::string container = key.substr(kContainers.size());
    const auto sandbox = store_->Load(StoreCall(), key);
    if (!sandbox.ok()) continue;
    const auto stale = IsStale(container, *sandbox);
    if (stale.ok() && *stale) out.emplace_back(container, *sandbox);
  }
  return out;
}

Status Metadata::RemoveStale(const std::string& container_id) {
  SHOJI_ASSIGN_OR_RETURN(const FileLock lock,
                         FileLock::Acquire(lock_path_, LockMode::kExclusive,
                                           Deadline::After(kStoreLimit), "the container index"));
  const auto sandbox = store_->Load(StoreCall(), ContainerKey(container_id));
  if (!sandbox.ok()) return OkStatus();
  SHOJI_ASSIGN_OR_RETURN(const bool stale, IsStale(container_id, *sandbox));
  return stale ? store_->Remove(StoreCall(), ContainerKey(container_id)) : OkStatus();
}

}  // namespace shoji
