// Devices of a VM in C++, there from the start or attached later.
//
// Purpose  What a shoji_device says, as values.
// Threads  Values and pure functions.
// Example  if (const auto* disk = std::get_if<BlockDevice>(&device.detail)) ...
#ifndef SHOJI_SDK_HYPERVISOR_DEVICE_H_
#define SHOJI_SDK_HYPERVISOR_DEVICE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "shoji/plugin/hypervisor_hotplug.h"
#include "shoji/sdk/plugin.h"
#include "shoji/status.h"

namespace shoji::sdk {

struct VmShareConfig {
  std::string tag;
  std::string host_path;
  bool read_only = false;
};

// 0: no limit.
struct BlockLimits {
  std::uint64_t bytes_per_s = 0, burst_bytes_per_s = 0;
  std::uint64_t ops_per_s = 0, burst_ops_per_s = 0;
  std::uint64_t burst_ms = 0;  // 0: one second
};

struct BlockDevice {
  std::string path;
  std::string format;       // "raw" or "qcow2"
  std::uint32_t flags = 0;  // SHOJI_BLOCK_*
  std::optional<BlockLimits> limits;
};
struct NicDevice {
  std::string nic_id;
  std::string mac;
  std::uint32_t mtu = 0;
  std::vector<int> tap_fds;    // borrowed
  std::vector<int> vhost_fds;  // borrowed; as many, -1: none
};
struct VsockDevice {
  std::uint32_t cid = 0;
};
struct VfioDevice {
  std::string address;
};
struct VhostUserDevice {
  std::string type;  // "blk", "scsi", "net" or "fs"
  std::string socket;
  std::string mac;
  std::string tag;
};

struct HotplugDevice {
  std::string id;
  std::variant<BlockDevice, NicDevice, VmShareConfig, VsockDevice, VfioDevice, VhostUserDevice>
      detail;
};

namespace internal {

inline Result<VmShareConfig> ShareOf(const shoji_share* share) {
  if (!SHOJI_HAS(shoji_share, share, host_path)) return TooShort("shoji_share");
  if ((share->flags & ~SHOJI_SHARE_READONLY) != 0) {
    return InvalidArgument("share \"" + String(share->tag) + "\" has unknown flags " +
                           std::to_string(share->flags));
  }
  return VmShareConfig{String(share->tag), String(share->host_path),
                       (share->flags & SHOJI_SHARE_READONLY) != 0};
}

inline Result<BlockLimits> BlockLimitsOf(const shoji_block_limits* l) {
  if (!SHOJI_HAS(shoji_block_limits, l, burst_ms)) return TooShort("shoji_block_limits");
  return BlockLimits{l->bytes_per_s, l->burst_bytes_per_s, l->ops_per_s, l->burst_ops_per_s,
                     l->burst_ms};
}

inline Result<BlockDevice> BlockOf(const shoji_block_device* block) {
  constexpr std::uint32_t kKnown = SHOJI_BLOCK_READONLY | SHOJI_BLOCK_DIRECT |
                                   SHOJI_BLOCK_NO_FLUSH | SHOJI_BLOCK_SHARED | SHOJI_BLOCK_SCSI;
  if (!SHOJI_HAS(shoji_block_device, block, limits)) return TooShort("shoji_block_device");
  SHOJI_RETURN_IF_ERROR(CheckFlags("a block device", block->flags, kKnown));
  BlockDevice out{String(block->path), String(block->format), block->flags, std::nullopt};
  if (out.format.empty()) out.format = "raw";
  if (out.format != "raw" && out.format != "qcow2") {
    return InvalidArgument("format \"" + out.format +
                           "\" of a block device is not known; write raw or qcow2");
  }
  if (block->limits != nullptr) {
    SHOJI_ASSIGN_OR_RETURN(out.limits, BlockLimitsOf(block->limits));
  }
  return out;
}

inline Result<NicDevice> NicOf(const shoji_nic* nic) {
  if (!SHOJI_HAS(shoji_nic, nic, vhost_fds)) return TooShort("shoji_nic");
  if (nic->queues == 0 || nic->queues > SHOJI_NIC_MAX_QUEUES) {
    return InvalidArgument("a network interface has " + std::to_string(nic->queues) +
                           " queues; 1 to " + std::to_string(SHOJI_NIC_MAX_QUEUES) +
                           " are allowed");
  }
  return NicDevice{String(nic->id), String(nic->mac), nic->mtu,
                   std::vector<int>(nic->tap_fds, nic->tap_fds + nic->queues),
                   std::vector<int>(nic->vhost_fds, nic->vhost_fds + nic->queues)};
}

inline Result<VsockDevice> VsockOf(const shoji_vsock_device* vsock) {
  if (!SHOJI_HAS(shoji_vsock_device, vsock, cid)) return TooShort("shoji_vsock_device");
  if (vsock->cid >= 3) return VsockDevice{vsock->cid};
  return InvalidArgument("cid " + std::to_string(vsock->cid) +
                         " of a vsock device is reserved; give 3 or more");
}

inline Result<VfioDevice> VfioOf(const shoji_vfio_device* vfio) {
  if (!SHOJI_HAS(shoji_vfio_device, vfio, address)) return TooShort("shoji_vfio_device");
  return VfioDevice{String(vfio->address)};
}

inline Result<VhostUserDevice> VhostUserOf(const shoji_vhost_user_device* device) {
  if (!SHOJI_HAS(shoji_vhost_user_device, device, tag)) return TooShort("shoji_vhost_user_device");
  return VhostUserDevice{String(device->type), String(device->socket), String(device->mac),
                         String(device->tag)};
}

// Reads `detail` by `convert` into the device.
template <typename Detail, typename Convert>
Result<HotplugDevice> DeviceWith(std::string id, const void* detail, Convert convert) {
  SHOJI_ASSIGN_OR_RETURN(auto converted, convert(static_cast<const Detail*>(detail)));
  return HotplugDevice{std::move(id), std::move(converted)};
}

inline Result<HotplugDevice> DeviceOf(const shoji_device* device) {
  if (!SHOJI_HAS(shoji_device, device, detail)) return TooShort("shoji_device");
  const std::string id = String(device->id);
  switch (device->kind) {
    case SHOJI_DEVICE_BLOCK:
      return DeviceWith<shoji_block_device>(id, device->detail, BlockOf);
    case SHOJI_DEVICE_NIC:
      return DeviceWith<shoji_nic>(id, device->detail, NicOf);
    case SHOJI_DEVICE_SHARE:
      return DeviceWith<shoji_share>(id, device->detail, ShareOf);
    case SHOJI_DEVICE_VSOCK:
      return DeviceWith<shoji_vsock_device>(id, device->detail, VsockOf);
    case SHOJI_DEVICE_VFIO:
      return DeviceWith<shoji_vfio_device>(id, device->detail, VfioOf);
    case SHOJI_DEVICE_VHOST_USER:
      return DeviceWith<shoji_vhost_user_device>(id, device->detail, VhostUserOf);
    default:
      return Unimplemented("device \"" + id + "\" is of kind " + std::to_string(device->kind) +
                           ", which this plugin does not know");
  }
}

}  // namespace internal

}  // namespace shoji::sdk

#endif  // SHOJI_SDK_HYPERVISOR_DEVICE_H_
