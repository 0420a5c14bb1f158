// Optional interfaces of a VM in C++: hotplug and resize.
//
// Purpose  A class derived from Vm that has the members gets the table:
//            shoji.hypervisor.hotplug/1   Attach, Detach, LimitBlock
//            shoji.hypervisor.resize/1    Size, SetVcpus, SetMemory
// Threads  The host makes one such call on a VM at a time.
// Example
//     class MyVm : public shoji::sdk::Vm {
//      public:
//       // JSON, e.g. {"pci_path":"02/05"}
//       Result<std::string> Attach(const HypervisorCall&, const HotplugDevice&);
//       Status Detach(const HypervisorCall&, std::string_view id);
//       Status LimitBlock(const HypervisorCall&, std::string_view id, const BlockLimits*);
//       Result<VmSize> Size(const HypervisorCall&);
//       Result<VmSize> SetVcpus(const HypervisorCall&, std::uint32_t vcpus);
//       Result<VmSize> SetMemory(const HypervisorCall&, std::uint64_t bytes,
//                                std::uint64_t block_bytes);
//       const void* Extension(std::string_view id) override {
//         return can_hotplug_ ? shoji::sdk::VmHotplugExtension<MyVm>(id) : nullptr;
//       }
//     };
#ifndef SHOJI_SDK_HYPERVISOR_HOTPLUG_H_
#define SHOJI_SDK_HYPERVISOR_HOTPLUG_H_

#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "shoji/plugin/hypervisor_hotplug.h"
#include "shoji/sdk/hypervisor.h"

namespace shoji::sdk {

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

struct VmSize {
  std::uint32_t vcpus = 0;
  std::uint32_t max_vcpus = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t max_memory_bytes = 0;
  std::uint64_t probe_address = 0;
};

namespace internal {

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

// The caller's struct may be of another release: nothing past its end is written.
inline Status FillSize(const Result<VmSize>& size, shoji_vm_size* ret) {
  if (!size.ok()) return size.status();
  if (!SHOJI_HAS(shoji_vm_size, ret, probe_address)) return TooShort("shoji_vm_size");
  ret->vcpus = size->vcpus;
  ret->max_vcpus = size->max_vcpus;
  ret->reserved0 = 0;
  ret->memory_bytes = size->memory_bytes;
  ret->max_memory_bytes = size->max_memory_bytes;
  ret->probe_address = size->probe_address;
  return OkStatus();
}

template <typename T>
concept CanHotplug = requires(T& vm, const HypervisorCall& call, const HotplugDevice& device,
                              std::string_view id, const BlockLimits* limits) {
  { vm.Attach(call, device) } -> std::same_as<Result<std::string>>;
  { vm.Detach(call, id) } -> std::same_as<Status>;
  { vm.LimitBlock(call, id, limits) } -> std::same_as<Status>;
};
template <typename T>
concept CanResize = requires(T& vm, const HypervisorCall& call, std::uint32_t vcpus,
                             std::uint64_t bytes) {
  { vm.Size(call) } -> std::same_as<Result<VmSize>>;
  { vm.SetVcpus(call, vcpus) } -> std::same_as<Result<VmSize>>;
  { vm.SetMemory(call, bytes, bytes) } -> std::same_as<Result<VmSize>>;
};

template <typename T>
struct HotplugSlots {
  static T& Self(shoji_vm* vm) { return *static_cast<T*>(Of(vm)->vm.get()); }

  static std::int32_t Attach(shoji_vm* vm, const shoji_call* call, const shoji_device* device,
                             const shoji_sink* ret, shoji_error* err) noexcept {
    return Of(vm)->host.Guard(err, [&]() -> Status {
      SHOJI_ASSIGN_OR_RETURN(const HotplugDevice parsed, DeviceOf(device));
      return PutResult(ret, Self(vm).Attach(CallOf(call), parsed));
    });
  }
  static std::int32_t Detach(shoji_vm* vm, const shoji_call* call, shoji_str id,
                             shoji_error* err) noexcept {
    return Of(vm)->host.Guard(err, [&] { return Self(vm).Detach(CallOf(call), View(id)); });
  }
  static std::int32_t LimitBlock(shoji_vm* vm, const shoji_call* call, shoji_str id,
                                 const shoji_block_limits* limits, shoji_error* err) noexcept {
    return Of(vm)->host.Guard(err, [&]() -> Status {
      if (limits == nullptr) return Self(vm).LimitBlock(CallOf(call), View(id), nullptr);
      SHOJI_ASSIGN_OR_RETURN(const BlockLimits parsed, BlockLimitsOf(limits));
      return Self(vm).LimitBlock(CallOf(call), View(id), &parsed);
    });
  }
  static std::int32_t Size(shoji_vm* vm, const shoji_call* call, shoji_vm_size* ret,
                           shoji_error* err) noexcept {
    return Of(vm)->host.Guard(err, [&] { return FillSize(Self(vm).Size(CallOf(call)), ret); });
  }
  static std::int32_t SetVcpus(shoji_vm* vm, const shoji_call* call, std::uint32_t vcpus,
                               shoji_vm_size* ret, shoji_error* err) noexcept {
    return Of(vm)->host.Guard(
        err, [&] { return FillSize(Self(vm).SetVcpus(CallOf(call), vcpus), ret); });
  }
  static std::int32_t SetMemory(shoji_vm* vm, const shoji_call* call, std::uint64_t bytes,
                                std::uint64_t block_bytes, shoji_vm_size* ret,
                                shoji_error* err) noexcept {
    return Of(vm)->host.Guard(
        err, [&] { return FillSize(Self(vm).SetMemory(CallOf(call), bytes, block_bytes), ret); });
  }
};

}  // namespace internal

// The table of `id` for VMs of class T; null for another id or what T has no members for.
template <typename T>
const void* VmHotplugExtension(std::string_view id) {
  static_assert(std::is_base_of_v<Vm, T>, "T derives from shoji::sdk::Vm");
  using Slots = internal::HotplugSlots<T>;
  if constexpr (internal::CanHotplug<T>) {
    static constexpr shoji_hypervisor_hotplug_v1 kHotplug = {
        sizeof(shoji_hypervisor_hotplug_v1), 0, Slots::Attach, Slots::Detach, Slots::LimitBlock};
    if (id == SHOJI_HYPERVISOR_HOTPLUG_V1) return &kHotplug;
  }
  if constexpr (internal::CanResize<T>) {
    static constexpr shoji_hypervisor_resize_v1 kResize = {
        sizeof(shoji_hypervisor_resize_v1), 0, Slots::Size, Slots::SetVcpus, Slots::SetMemory};
    if (id == SHOJI_HYPERVISOR_RESIZE_V1) return &kResize;
  }
  return nullptr;
}

}  // namespace shoji::sdk

#endif  // SHOJI_SDK_HYPERVISOR_HOTPLUG_H_
