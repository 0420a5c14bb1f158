#include "sandbox/management.h"

#include <algorithm>
#include <iterator>

#include "gc/garbage.h"
#include "host/creating.h"
#include "request/validate.h"

namespace shoji {

Result<Management::Object> Management::Create(const SandboxConfig& config) {
  return SandboxObject::Create(context_, config);
}

Result<Management::Object> Management::Fetch(const std::string& id) {
  return SandboxObject::Fetch(context_, id);
}

Result<Management::Object> Management::Start(const std::string& id) {
  SHOJI_ASSIGN_OR_RETURN(Object object, Fetch(id));
  SHOJI_RETURN_IF_ERROR(object->Start());
  // Who starts a VM holds it, as who creates one does.
  context_->RememberObject(id, object, true);
  return object;
}

Result<Management::Object> Management::Run(const SandboxConfig& config) {
  SHOJI_ASSIGN_OR_RETURN(Object object, Create(config));
  const Status started = object->Start(false);
  if (started.ok()) return object;
  if (const Status deleted = object->Delete(); !deleted.ok()) {
    context_->Log(LogLevel::kError, deleted.message());
  }
  return started;
}

Result<Management::Object> Management::Restore(const std::string& id, const std::string& dir) {
  return SandboxObject::Restore(context_, id, dir);
}

Status Management::Stop(const std::string& id, bool force) {
  SHOJI_ASSIGN_OR_RETURN(const Object object, Fetch(id));
  return object->Stop(force);
}

Status Management::Delete(const std::string& id) {
  SHOJI_RETURN_IF_ERROR(ValidateId("sandbox", id));
  SHOJI_ASSIGN_OR_RETURN(const Object object, SandboxObject::FetchToDelete(context_, id));
  return object->Delete();
}

Result<std::vector<SandboxStatus>> Management::List() {
  SHOJI_ASSIGN_OR_RETURN(Metadata* const metadata, context_->metadata());
  SHOJI_ASSIGN_OR_RETURN(const auto ids, metadata->List());
  std::vector<SandboxStatus> out;
  for (const std::string& id : ids) {
    auto status = GetStatus(id);
    if (status.ok()) {
      out.push_back(std::move(*status));
    } else if (status.status().code() != StatusCode::kNotFound) {  // else deleted meanwhile
      context_->Log(LogLevel::kWarn, status.status().message());
    }
  }
  return out;
}

Result<std::vector<ContainerStatus>> Management::ListContainers() {
  SHOJI_ASSIGN_OR_RETURN(auto sandboxes, List());
  std::vector<ContainerStatus> out;
  for (SandboxStatus& sandbox : sandboxes) {
    std::move(sandbox.containers.begin(), sandbox.containers.end(), std::back_inserter(out));
  }
  return out;
}

std::vector<ContainerStatus> Management::ContainersBeingMade() {
  return shoji::ContainersBeingMade(context_->settings().root);
}

Result<SandboxStatus> Management::GetStatus(const std::string& id) {
  SHOJI_RETURN_IF_ERROR(ValidateId("sandbox", id));
  SHOJI_ASSIGN_OR_RETURN(Metadata* const metadata, context_->metadata());
  // No lock: a record is replaced whole, and a status must not wait for a hung operation.
  SHOJI_ASSIGN_OR_RETURN(const SandboxRecord record, metadata->Load(id));
  const SandboxPaths paths(context_->settings().root, id);
  const auto owner = LockHolder(paths.owner);
  return StatusOf(record, owner.ok() ? *owner : 0);
}

Result<std::string> Management::SandboxOf(const std::string& container_id) {
  SHOJI_RETURN_IF_ERROR(ValidateId("container", container_id));
  SHOJI_ASSIGN_OR_RETURN(Metadata* const metadata, context_->metadata());
  return metadata->SandboxOf(container_id);
}

Result<GarbageReport> Management::CollectGarbage(bool dry_run) {
  return GarbageCollector(*context_, dry_run).Run();
}

}  // namespace shoji
