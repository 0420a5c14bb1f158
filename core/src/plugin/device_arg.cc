#include "plugin/device_arg.h"

#include <algorithm>
#include <utility>

#include "plugin/slots.h"

namespace shoji {

shoji_share ToRaw(const VmShare& share) {
  return {sizeof(shoji_share), share.read_only ? SHOJI_SHARE_READONLY : 0U, ToStr(share.tag),
          ToStr(share.host_path)};
}

shoji_block_limits ToRaw(const DiskLimits& limits) {
  return {sizeof(shoji_block_limits),
          0,
          limits.bytes_per_s,
          limits.burst_bytes_per_s,
          limits.ops_per_s,
          limits.burst_ops_per_s,
          limits.burst_ms};
}

DeviceArg::DeviceArg(const VmDevice& device) {
  raw_.struct_size = sizeof(raw_);
  raw_.id = ToStr(device.id);
  std::visit([this](const auto& detail) { Set(detail); }, device.detail);
}

template <typename Raw>
void DeviceArg::Use(std::uint32_t kind, Raw raw) {
  raw_.kind = kind;
  raw_.detail = &detail_.emplace<Raw>(raw);
}

void DeviceArg::Set(const VmBlock& block) {
  Use(SHOJI_DEVICE_BLOCK, Block());
  auto& raw = std::get<Block>(detail_);
  raw.device.struct_size = sizeof(raw.device);
  raw.device.flags = block.flags;
  raw.device.path = ToStr(block.path);
  raw.device.format = ToStr(block.format);
  if (block.limits.has_value()) {
    raw.limits = ToRaw(*block.limits);
    raw.device.limits = &raw.limits;
  }
  raw_.detail = &raw.device;
}

void DeviceArg::Set(const Nic& nic) {
  shoji_nic raw{};
  raw.struct_size = sizeof(raw);
  raw.queues = Count(std::min<std::size_t>(nic.tap_fds.size(), SHOJI_NIC_MAX_QUEUES));
  raw.id = ToStr(nic.id);
  raw.mac = ToStr(nic.mac);
  raw.mtu = nic.mtu;
  for (std::size_t i = 0; i < raw.queues; ++i) {
    raw.tap_fds[i] = nic.tap_fds[i];
    raw.vhost_fds[i] = i < nic.vhost_fds.size() ? nic.vhost_fds[i] : -1;
  }
  Use(SHOJI_DEVICE_NIC, raw);
}

void DeviceArg::Set(const VmShare& share) { Use(SHOJI_DEVICE_SHARE, ToRaw(share)); }

void DeviceArg::Set(const VmVsock& vsock) {
  Use(SHOJI_DEVICE_VSOCK, shoji_vsock_device{sizeof(shoji_vsock_device), vsock.cid});
}

void DeviceArg::Set(const VmVfio& vfio) {
  Use(SHOJI_DEVICE_VFIO, shoji_vfio_device{sizeof(shoji_vfio_device), 0, ToStr(vfio.address)});
}

void DeviceArg::Set(const VmVhostUser& device) {
  Use(SHOJI_DEVICE_VHOST_USER,
      shoji_vhost_user_device{sizeof(shoji_vhost_user_device), 0, ToStr(device.type),
                              ToStr(device.socket), ToStr(device.mac), ToStr(device.tag)});
}

DeviceArgs::DeviceArgs(const std::vector<VmDevice>& devices) {
  for (const VmDevice& device : devices) {
    items_.push_back(std::make_unique<DeviceArg>(device));
    pointers_.push_back(items_.back()->get());
  }
}

}  // namespace shoji
