// Devices, storages, network and limits of a configuration as JSON.
//
// Purpose  What stands in a record of these structs. A member that has its default is left out.
// Threads  Safe, no state. from_json() throws what nlohmann throws.
// Example  json out = device_info;  auto back = out.get<DeviceInfo>();
#ifndef SHOJI_CORE_METADATA_CONFIG_JSON_H_
#define SHOJI_CORE_METADATA_CONFIG_JSON_H_

#include <nlohmann/json_fwd.hpp>

#include "metadata/record.h"
#include "shoji/config.h"

namespace shoji {

// nlohmann finds these by argument-dependent lookup, so they live in the types' namespace.
void to_json(nlohmann::json& out, const DiskLimits& limits);
void from_json(const nlohmann::json& in, DiskLimits& limits);
void to_json(nlohmann::json& out, const DeviceInfo& device);
void from_json(const nlohmann::json& in, DeviceInfo& device);
void to_json(nlohmann::json& out, const StorageInfo& storage);
void from_json(const nlohmann::json& in, StorageInfo& storage);
void to_json(nlohmann::json& out, const InterfaceLimits& limits);
void from_json(const nlohmann::json& in, InterfaceLimits& limits);
void to_json(nlohmann::json& out, const IpAddress& address);
void from_json(const nlohmann::json& in, IpAddress& address);
void to_json(nlohmann::json& out, const InterfaceInfo& interface);
void from_json(const nlohmann::json& in, InterfaceInfo& interface);
void to_json(nlohmann::json& out, const NetworkConfig& network);
void from_json(const nlohmann::json& in, NetworkConfig& network);
void to_json(nlohmann::json& out, const Resources& resources);
void from_json(const nlohmann::json& in, Resources& resources);
void to_json(nlohmann::json& out, const ContainerDevice& device);
void from_json(const nlohmann::json& in, ContainerDevice& device);
void to_json(nlohmann::json& out, const DeviceRecord& device);
void from_json(const nlohmann::json& in, DeviceRecord& device);
void to_json(nlohmann::json& out, const StorageRecord& storage);
void from_json(const nlohmann::json& in, StorageRecord& storage);
void to_json(nlohmann::json& out, const InterfaceRecord& interface);
void from_json(const nlohmann::json& in, InterfaceRecord& interface);

// The members of whole configurations that these are; added to what is there already.
void AddMembers(const ContainerConfig& config, nlohmann::json& out);
void TakeMembers(const nlohmann::json& in, ContainerConfig& config);
void AddMembers(const SandboxConfig& config, nlohmann::json& out);
void TakeMembers(const nlohmann::json& in, SandboxConfig& config);

// Records with every member set, to show what there can be.
DeviceRecord FullDevice();
StorageRecord FullStorage();
InterfaceRecord FullInterface();
void Fill(ContainerConfig& config);
void Fill(SandboxConfig& config);

}  // namespace shoji

#endif  // SHOJI_CORE_METADATA_CONFIG_JSON_H_
