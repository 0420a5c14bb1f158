#include "request/agent_storage.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "host/paths.h"
#include "metadata/text.h"
#include "oci/spec.h"
#include "request/device_place.h"
#include "shoji/base/strings.h"

namespace shoji {
namespace {

using nlohmann::json;

constexpr const char* kGuestStorages = "/run/kata-containers/sandbox/storage/";
constexpr const char* kGuestMemory = "/run/kata-containers/sandbox/ephemeral/";

AgentStorage Share9p() {
  AgentStorage storage;
  storage.driver = "9p";
  storage.source = kShareTag;
  storage.fstype = "9p";
  storage.mount_point = kGuestShare;
  storage.options = {"trans=virtio", "version=9p2000.L", "cache=mmap", "nodev", "msize=524288"};
  return storage;
}

AgentStorage MemoryMount(const StorageRecord& storage) {
  AgentStorage out;
  out.driver = "ephemeral";
  out.source = "tmpfs";
  out.fstype = "tmpfs";
  out.mount_point = storage.guest_path;
  out.options = storage.info.options;
  if (storage.info.size_bytes != 0) {
    out.options.push_back("size=" + std::to_string(storage.info.size_bytes));
  }
  return out;
}

Result<AgentStorage> BlockMount(const StorageRecord& storage, const DeviceRecord* device) {
  if (device == nullptr) {
    return DataLoss("storage \"" + storage.info.id + "\" has no device in the record");
  }
  SHOJI_ASSIGN_OR_RETURN(const DiskName disk, DiskNameOf(*device));
  AgentStorage out;
  out.driver = disk.driver;
  out.source = disk.id;
  out.fstype = storage.info.fstype;
  out.mount_point = storage.guest_path;
  out.options = storage.info.options;
  if (storage.info.read_only) out.options.emplace_back("ro");
  return out;
}

}  // namespace

Result<AgentStorage> ParseAgentStorage(std::string_view text) {
  try {
    if (!CheckDepth(text).ok()) return Internal("it is nested too deeply");
    const json in = json::parse(text);
    AgentStorage out;
    out.driver = in.at("driver").get<std::string>();
    out.source = in.at("source").get<std::string>();
    out.fstype = in.at("fstype").get<std::string>();
    out.options = in.value("options", out.options);
    out.driver_options = in.value("driver_options", out.driver_options);
    return out;
  } catch (const std::exception& e) {
    return Internal(std::string("it is no storage: ") + e.what());
  }
}

Result<AgentStorage> ShareStorage(Vm& vm) {
  const auto text = vm.ShareMount(kShareTag);
  if (text.status().code() == StatusCode::kUnimplemented) return Share9p();
  SHOJI_RETURN_IF_ERROR(text.status());
  auto storage = ParseAgentStorage(*text);
  if (!storage.ok()) {
    return storage.status().WithContext("cannot use how the hypervisor says that share " +
                                        std::string(kShareTag) + " is mounted");
  }
  storage->mount_point = kGuestShare;
  return storage;
}

AgentStorage ShmStorage(std::uint64_t size) {
  AgentStorage storage;
  storage.driver = "ephemeral";
  storage.source = "shm";
  storage.fstype = "tmpfs";
  storage.mount_point = kGuestShm;
  storage.options = {"noexec", "nosuid", "nodev", "mode=1777", "size=" + std::to_string(size)};
  return storage;
}

std::string ShareEntryOf(const StorageInfo& storage) { return "storage@" + storage.id; }

std::string GuestPathOf(const StorageInfo& storage) {
  switch (storage.kind) {
    case StorageInfo::Kind::kDirectory:
      return std::string(kGuestShare) + "/" + ShareEntryOf(storage);
    case StorageInfo::Kind::kBlock:
      return kGuestStorages + storage.id;
    case StorageInfo::Kind::kMemory:
      break;
  }
  return kGuestMemory + storage.id;
}

StorageRecord NewStorageRecord(const StorageInfo& storage) {
  StorageRecord out;
  out.info = storage;
  out.guest_path = GuestPathOf(storage);
  if (storage.kind == StorageInfo::Kind::kBlock) out.device_id = storage.id;
  if (storage.kind == StorageInfo::Kind::kDirectory) out.share_entry = ShareEntryOf(storage);
  return out;
}

Result<AgentStorage> MountOf(const StorageRecord& storage, const DeviceRecord* device) {
  if (storage.info.kind == StorageInfo::Kind::kMemory) return MemoryMount(storage);
  if (storage.info.kind == StorageInfo::Kind::kBlock) return BlockMount(storage, device);
  return AgentStorage();
}

Result<StorageRef> ParseStorageRef(std::string_view text, const std::string& what) {
  const auto bad = [&](const char* why) {
    return InvalidArgument("storage \"" + std::string(text) + "\" of " + what + " " + why +
                           "; write ID or ID/PATH");
  };
  if (text.find('\0') != std::string_view::npos) return bad("contains a NUL byte");
  const std::vector<std::string> parts = Split(std::string(text), '/');
  if (parts.empty() || parts[0].empty()) return bad("names none");
  StorageRef out;
  out.id = parts[0];
  for (std::size_t i = 1; i < parts.size(); ++i) {
    if (parts[i].empty() && i + 1 == parts.size()) break;  // a slash at the end
    if (parts[i] == ".." || parts[i] == "." || parts[i].empty()) {
      return bad("has an empty part, \".\" or \"..\" in its path");
    }
    out.below += (out.below.empty() ? "" : "/") + parts[i];
  }
  return out;
}

std::vector<std::string> StorageRefs(const ContainerConfig& config) {
  std::vector<std::string> out;
  if (!config.rootfs.storage.empty()) out.push_back(config.rootfs.storage);
  if (config.oci_spec.empty()) {
    for (const Mount& mount : config.mounts) {
      if (mount.type == kStorageMount) out.push_back(mount.source);
    }
    return out;
  }
  const auto summary = Inspect(config.oci_spec);
  if (!summary.ok()) return out;  // who reads it for the container says so
  for (const SpecBind& mount : summary->storages) out.push_back(mount.source);
  return out;
}

Result<std::string> ResolveStorage(const SandboxRecord& record, std::string_view text,
                                   const std::string& what) {
  SHOJI_ASSIGN_OR_RETURN(const StorageRef ref, ParseStorageRef(text, what));
  const StorageRecord* const storage = record.FindStorage(ref.id);
  if (storage == nullptr) {
    return NotFound("storage \"" + ref.id + "\" of " + what + " does not exist in sandbox \"" +
                    record.id + "\"");
  }
  return storage->guest_path + (ref.below.empty() ? "" : "/" + ref.below);
}

Result<std::vector<const StorageRecord*>> StoragesOf(const SandboxRecord& record,
                                                     const ContainerConfig& config) {
  std::vector<const StorageRecord*> out;
  for (const std::string& text : StorageRefs(config)) {
    const std::string what = "container \"" + config.id + "\"";
    SHOJI_RETURN_IF_ERROR(ResolveStorage(record, text, what).status());
    const StorageRecord* const storage = record.FindStorage(ParseStorageRef(text, what)->id);
    if (std::find(out.begin(), out.end(), storage) == out.end()) out.push_back(storage);
  }
  return out;
}

}  // namespace shoji
