#include "request/device_place.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "metadata/text.h"
#include "shoji/plugin/hypervisor_hotplug.h"

namespace shoji {
namespace {

using nlohmann::json;

std::uint32_t BlockFlags(const DeviceInfo& device) {
  std::uint32_t flags = 0;
  if (device.read_only) flags |= SHOJI_BLOCK_READONLY;
  if (device.direct) flags |= SHOJI_BLOCK_DIRECT;
  if (device.no_flush) flags |= SHOJI_BLOCK_NO_FLUSH;
  if (device.shared) flags |= SHOJI_BLOCK_SHARED;
  if (device.scsi) flags |= SHOJI_BLOCK_SCSI;
  return flags;
}

std::string TextOf(const json& in, const char* name) {
  const auto it = in.find(name);
  return it != in.end() && it->is_string() ? it->get<std::string>() : std::string();
}

std::string Named(const DeviceInfo& device) { return "device \"" + device.id + "\""; }

}  // namespace

VmDevice ToVmDevice(const DeviceInfo& device) {
  switch (device.kind) {
    case DeviceInfo::Kind::kBlock:
      return {device.id,
              VmBlock{device.host_path, device.format, BlockFlags(device), device.limits}};
    case DeviceInfo::Kind::kVfio:
      return {device.id, VmVfio{device.host_path}};
    case DeviceInfo::Kind::kVhostUser:
      return {device.id, VmVhostUser{device.vhost_type, device.host_path, device.mac, device.tag}};
    case DeviceInfo::Kind::kVsock:
      break;
  }
  return {device.id, VmVsock{device.cid}};
}

DeviceInfo DiskOf(const StorageInfo& storage) {
  DeviceInfo out;
  out.id = storage.id;
  out.host_path = storage.source;
  out.format = storage.format;
  out.read_only = storage.read_only;
  out.limits = storage.limits;
  return out;
}

std::string NicDeviceId(const std::string& mac) {
  std::string out = "nic-" + mac;
  for (char& c : out) {
    c = c == ':' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return out;
}

Result<DeviceAddress> ParseAddress(std::string_view text) {
  if (text.empty()) return DeviceAddress();
  const bool sane = CheckDepth(text).ok();
  const json in = sane ? json::parse(text, nullptr, false) : json();
  if (!in.is_object()) {
    return Internal("the hypervisor's answer where a device is, is no JSON object");
  }
  return DeviceAddress{TextOf(in, "pci_path"), TextOf(in, "scsi_addr"), TextOf(in, "path")};
}

Result<DiskName> DiskNameOf(const DeviceRecord& device) {
  SHOJI_ASSIGN_OR_RETURN(const DeviceAddress address, ParseAddress(device.address));
  if (!address.scsi_addr.empty()) return DiskName{"scsi", address.scsi_addr, false};
  if (!address.pci_path.empty()) return DiskName{"blk", address.pci_path, false};
  if (address.path.rfind("/dev/pmem", 0) == 0) return DiskName{"nvdimm", address.path, true};
  if (!address.path.empty()) return DiskName{"mmioblk", address.path, true};
  return FailedPrecondition("the hypervisor does not tell where the guest finds " +
                            Named(device.info));
}

bool IsBlockInGuest(const DeviceInfo& device) { return device.kind != DeviceInfo::Kind::kVfio; }

Result<AgentDevice> ToAgentDevice(const DeviceRecord& device, const ContainerDevice& wanted) {
  using Kind = DeviceInfo::Kind;
  const DeviceInfo& info = device.info;
  AgentDevice out;
  out.container_path = wanted.container_path;
  if (info.kind == Kind::kVfio) {
    SHOJI_ASSIGN_OR_RETURN(const DeviceAddress address, ParseAddress(device.address));
    if (address.pci_path.empty()) {
      return FailedPrecondition("the hypervisor does not tell where the guest finds " +
                                Named(info));
    }
    out.type = "vfio";
    out.options = {info.host_path + "=" + address.pci_path};
    return out;
  }
  const bool disk =
      info.kind == Kind::kBlock || (info.kind == Kind::kVhostUser && info.vhost_type == "blk");
  if (!disk) {
    return InvalidArgument(Named(info) +
                           " cannot be given to a container; disks and vfio devices can");
  }
  SHOJI_ASSIGN_OR_RETURN(const DiskName name, DiskNameOf(device));
  out.type = name.driver;
  (name.is_path ? out.vm_path : out.id) = name.id;
  return out;
}

}  // namespace shoji
