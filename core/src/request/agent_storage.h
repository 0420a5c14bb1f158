// What the guest mounts: the share, the pod's shared memory, storages.
//
// Threads  Safe, no state.
// Example  request.storages.push_back(ShmStorage(size));
#ifndef SHOJI_CORE_REQUEST_AGENT_STORAGE_H_
#define SHOJI_CORE_REQUEST_AGENT_STORAGE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "metadata/record.h"
#include "plugin/interfaces.h"
#include "shoji/status.h"

namespace shoji {

// The share as the VM says it is reached; a VM that says nothing has 9p over virtio.
Result<AgentStorage> ShareStorage(Vm& vm);
// From the JSON of a grpc.Storage. INTERNAL for what is none.
Result<AgentStorage> ParseAgentStorage(std::string_view text);
AgentStorage ShmStorage(std::uint64_t size);

// Where the guest has a storage of this kind and id. A directory lies in the share.
std::string GuestPathOf(const StorageInfo& storage);
// The name below the share of a directory; no container and no volume is called so.
std::string ShareEntryOf(const StorageInfo& storage);
// With place, device and entry; its device is not made.
StorageRecord NewStorageRecord(const StorageInfo& storage);
// How the guest mounts it; nothing to be mounted for a directory: an empty driver. `device` of
// a block storage. FAILED_PRECONDITION when nobody knows where the guest finds the disk.
Result<AgentStorage> MountOf(const StorageRecord& storage, const DeviceRecord* device);

// "id/path below" -> {"id", "path below"}.
struct StorageRef {
  std::string id;
  std::string below;  // without a slash at either end; may be empty
};
// INVALID_ARGUMENT names `what` for an empty id, "..", "." or an empty part.
Result<StorageRef> ParseStorageRef(std::string_view text, const std::string& what);
// Where the guest has what `text` refers to. NOT_FOUND names `what` and the storage.
Result<std::string> ResolveStorage(const SandboxRecord& record, std::string_view text,
                                   const std::string& what);
// What a container refers to, as it is written.
std::vector<std::string> StorageRefs(const ContainerConfig& config);
// The storages that a container refers to, each once.
Result<std::vector<const StorageRecord*>> StoragesOf(const SandboxRecord& record,
                                                     const ContainerConfig& config);

}  // namespace shoji

#endif  // SHOJI_CORE_REQUEST_AGENT_STORAGE_H_
