// Optional interfaces of a VM in C++: hotplug and resize.
//
// Purpose  A class derived from Vm that has the members gets the table:
//            shoji.hypervisor.hotplug/1   Attach, Detach, LimitBlock
//            shoji.hypervisor.resize/1    Size, SetVcpus, SetMemory
//            shoji.hypervisor.shares/1    ShareMount
// Threads  The host makes one such call on a VM at a time; ShareMount runs beside all others.
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
//       // JSON of grpc.Storage, e.g. {"driver":"9p","source":"tag","fstype":"9p"}
//       Result<std::string> ShareMount(std::string_view tag);
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

struct VmSize {
  std::uint32_t vcpus = 0;
  std::uint32_t max_vcpus = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t max_memory_bytes = 0;
  std::uint64_t probe_address = 0;
};

namespace internal {

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
concept HasShares = requires(T& vm, std::string_view tag) {
  { vm.ShareMount(tag) } -> std::same_as<Result<std::string>>;
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
  static std::int32_t ShareMount(shoji_vm* vm, shoji_str tag, const shoji_sink* ret,
                                 shoji_error* err) noexcept {
    return Of(vm)->host.Guard(err, [&] { return PutResult(ret, Self(vm).ShareMount(View(tag))); });
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
  if constexpr (internal::HasShares<T>) {
    static constexpr shoji_hypervisor_shares_v1 kShares = {sizeof(shoji_hypervisor_shares_v1), 0,
                                                           Slots::ShareMount};
    if (id == SHOJI_HYPERVISOR_SHARES_V1) return &kShares;
  }
  return nullptr;
}

}  // namespace shoji::sdk

#endif  // SHOJI_SDK_HYPERVISOR_HOTPLUG_H_
