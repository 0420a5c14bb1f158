#include "request/spec_attach.h"

#include <algorithm>

#include "oci/host_devices.h"
#include "oci/spec.h"

namespace shoji {
namespace {

constexpr const char* kPrefix = "host-";

std::string Named(const ContainerConfig& config) { return "container \"" + config.id + "\""; }

// The same for every container that asks for the same disk, so that the VM has it once. One
// that may not write and one that may are two.
Result<DeviceInfo> DeviceOf(const HostDisk& disk) {
  DeviceInfo out;
  SHOJI_ASSIGN_OR_RETURN(out.host_path, HostNodeOf(disk));
  out.read_only = disk.access.find('w') == std::string::npos;
  out.id = kPrefix + std::to_string(disk.major) + "-" + std::to_string(disk.minor) +
           (out.read_only ? "-ro" : "");
  out.shared = true;  // without a VM an engine may give one device to several containers
  return out;
}

bool Has(const std::vector<DeviceInfo>& devices, const std::string& id) {
  return std::any_of(devices.begin(), devices.end(), [&](const auto& d) { return d.id == id; });
}

// The caller's own device wins over one of the specification at the same place.
bool IsGiven(const ContainerConfig& config, const std::string& path) {
  return std::any_of(config.devices.begin(), config.devices.end(),
                     [&](const ContainerDevice& device) { return device.container_path == path; });
}

}  // namespace

bool IsFromSpec(const std::string& device_id) { return device_id.rfind(kPrefix, 0) == 0; }

Result<std::vector<DeviceInfo>> TakeDisks(ContainerConfig* config) {
  std::vector<DeviceInfo> out;
  if (config->oci_spec.empty()) return out;
  const auto disks = HostDisksOf(config->oci_spec);
  if (!disks.ok()) return disks.status().WithContext(Named(*config));
  for (const HostDisk& disk : *disks) {
    if (IsGiven(*config, disk.container_path)) continue;
    auto device = DeviceOf(disk);
    if (!device.ok()) return device.status().WithContext(Named(*config));
    config->devices.push_back({device->id, disk.container_path, disk.access});
    if (!Has(out, device->id)) out.push_back(std::move(*device));
  }
  return out;
}

Status TakeFromSpecs(SandboxConfig* config) {
  for (ContainerConfig& container : config->containers) {
    SHOJI_ASSIGN_OR_RETURN(const std::vector<DeviceInfo> disks, TakeDisks(&container));
    for (const DeviceInfo& disk : disks) {
      if (!Has(config->devices, disk.id)) config->devices.push_back(disk);
    }
  }
  if (config->containers.empty() || config->containers.front().oci_spec.empty()) return OkStatus();
  const ContainerConfig& first = config->containers.front();
  const auto summary = Inspect(first.oci_spec);
  if (!summary.ok()) return summary.status().WithContext(Named(first));
  if (summary->joins_pids) {
    return InvalidArgument(Named(first) +
                           ": its pid namespace is that of a container in another VM; put both "
                           "into one pod");
  }
  if (config->hostname.empty()) config->hostname = summary->hostname;
  const bool given = config->shm_size != SandboxConfig().shm_size;
  if (!given && summary->shm_size != 0) config->shm_size = summary->shm_size;
  return OkStatus();
}

}  // namespace shoji
