// Optional interfaces of a VM in C++: pause, snapshot, console, statistics.
//
// Purpose  A class derived from Vm that has the members gets the table:
//            shoji.hypervisor.pause/1      Pause, Resume
//            shoji.hypervisor.snapshot/1   Save, AwaitAgentPort if it can; and Restore of the
//                                          Hypervisor class
//            shoji.hypervisor.console/1    OpenConsole
//            shoji.hypervisor.stats/1      Stats
// Threads  As shoji/plugin/hypervisor_state.h: OpenConsole, Stats and Restore may be called
//          beside everything else, the others take turns.
// Example
//     class MyVm : public shoji::sdk::Vm {
//      public:
//       Status Pause(const HypervisorCall&);
//       Status Resume(const HypervisorCall&);
//       Status Save(const HypervisorCall&, const std::string& dir, bool shared_memory);
//       Status AwaitAgentPort(const HypervisorCall&);
//       Result<int> OpenConsole(const HypervisorCall&);  // the caller's
//       Result<VmStats> Stats(const HypervisorCall&);
//       const void* Extension(std::string_view id) override {
//         return shoji::sdk::VmStateExtension<MyVm, MyVmm>(id);
//       }
//     };
//     class MyVmm : public shoji::sdk::Hypervisor {
//       Result<std::unique_ptr<Vm>> Restore(const HypervisorCall&, const std::string& dir,
//                                           VmConfig, bool shared_memory);
//     };
#ifndef SHOJI_SDK_HYPERVISOR_STATE_H_
#define SHOJI_SDK_HYPERVISOR_STATE_H_

#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "shoji/plugin/hypervisor_state.h"
#include "shoji/sdk/hypervisor.h"

namespace shoji::sdk {

// Counters since the VM started.
struct VmStats {
  std::uint32_t vcpus = 0;
  std::uint64_t cpu_ns = 0;
  std::uint64_t vmm_cpu_ns = 0;
  std::uint64_t resident_bytes = 0;
  std::uint64_t block_read_bytes = 0;
  std::uint64_t block_write_bytes = 0;
};

namespace internal {

inline Status FillStats(const Result<VmStats>& stats, shoji_vm_stats* ret) {
  if (!stats.ok()) return stats.status();
  if (!SHOJI_HAS(shoji_vm_stats, ret, block_write_bytes)) return TooShort("shoji_vm_stats");
  ret->vcpus = stats->vcpus;
  ret->cpu_ns = stats->cpu_ns;
  ret->vmm_cpu_ns = stats->vmm_cpu_ns;
  ret->resident_bytes = stats->resident_bytes;
  ret->block_read_bytes = stats->block_read_bytes;
  ret->block_write_bytes = stats->block_write_bytes;
  return OkStatus();
}

template <typename T>
concept CanPause = requires(T& vm, const HypervisorCall& call) {
  { vm.Pause(call) } -> std::same_as<Status>;
  { vm.Resume(call) } -> std::same_as<Status>;
};
template <typename T, typename H>
concept CanSnapshot = requires(T& vm, H& hypervisor, const HypervisorCall& call,
                               const std::string& dir, VmConfig config, bool shared_memory) {
  { vm.Save(call, dir, shared_memory) } -> std::same_as<Status>;
  {
    hypervisor.Restore(call, dir, std::move(config), shared_memory)
    } -> std::same_as<Result<std::unique_ptr<Vm>>>;
};
template <typename T>
concept CanAwaitAgentPort = requires(T& vm, const HypervisorCall& call) {
  { vm.AwaitAgentPort(call) } -> std::same_as<Status>;
};
template <typename T>
concept HasConsole = requires(T& vm, const HypervisorCall& call) {
  { vm.OpenConsole(call) } -> std::same_as<Result<int>>;
};
template <typename T>
concept HasStats = requires(T& vm, const HypervisorCall& call) {
  { vm.Stats(call) } -> std::same_as<Result<VmStats>>;
};

template <typename T, typename H>
struct VmStateSlots {
  static T& Self(shoji_vm* vm) { return *static_cast<T*>(Of(vm)->vm.get()); }

  static std::int32_t Pause(shoji_vm* vm, const shoji_call* call, shoji_error* err) noexcept {
    return Of(vm)->host.Guard(err, [&] { return Self(vm).Pause(CallOf(call)); });
  }
  static std::int32_t Resume(shoji_vm* vm, const shoji_call* call, shoji_error* err) noexcept {
    return Of(vm)->host.Guard(err, [&] { return Self(vm).Resume(CallOf(call)); });
  }
  static std::int32_t Save(shoji_vm* vm, const shoji_call* call, shoji_str dir, std::uint32_t flags,
                           shoji_error* err) noexcept {
    return Of(vm)->host.Guard(err, [&]() -> Status {
      SHOJI_RETURN_IF_ERROR(CheckFlags("a snapshot", flags, SHOJI_SNAPSHOT_SHARED_MEMORY));
      return Self(vm).Save(CallOf(call), String(dir), (flags & SHOJI_SNAPSHOT_SHARED_MEMORY) != 0);
    });
  }
  static std::int32_t Restore(shoji_hypervisor* h, const shoji_call* call, shoji_str dir,
                              const shoji_vm_config* config, std::uint32_t flags, shoji_vm** ret,
                              shoji_error* err) noexcept {
    return Of(h)->host.Guard(err, [&]() -> Status {
      SHOJI_RETURN_IF_ERROR(CheckFlags("a snapshot", flags, SHOJI_SNAPSHOT_SHARED_MEMORY));
      SHOJI_ASSIGN_OR_RETURN(VmConfig parsed, ConfigOf(config));
      auto made = static_cast<H*>(Of(h)->hypervisor.get())
                      ->Restore(CallOf(call), String(dir), std::move(parsed),
                                (flags & SHOJI_SNAPSHOT_SHARED_MEMORY) != 0);
      SHOJI_ASSIGN_OR_RETURN(std::unique_ptr<Vm> vm, NotNull<Vm>(std::move(made), "Restore"));
      *ret = reinterpret_cast<shoji_vm*>(new VmHandle{Of(h)->host, std::move(vm)});
      return OkStatus();
    });
  }
  static std::int32_t AwaitAgentPort(shoji_vm* vm, const shoji_call* call,
                                     shoji_error* err) noexcept {
    return Of(vm)->host.Guard(err, [&] { return Self(vm).AwaitAgentPort(CallOf(call)); });
  }
  // Or none, where it cannot be known.
  static constexpr auto AwaitAgentPortSlot() -> decltype(&AwaitAgentPort) {
    if constexpr (CanAwaitAgentPort<T>) {
      return AwaitAgentPort;
    } else {
      return nullptr;
    }
  }
  static std::int32_t OpenConsole(shoji_vm* vm, const shoji_call* call, std::int32_t* ret_fd,
                                  shoji_error* err) noexcept {
    return Of(vm)->host.Guard(err, [&]() -> Status {
      SHOJI_ASSIGN_OR_RETURN(*ret_fd, Self(vm).OpenConsole(CallOf(call)));
      return OkStatus();
    });
  }
  static std::int32_t Stats(shoji_vm* vm, const shoji_call* call, shoji_vm_stats* ret,
                            shoji_error* err) noexcept {
    return Of(vm)->host.Guard(err, [&] { return FillStats(Self(vm).Stats(CallOf(call)), ret); });
  }
};

}  // namespace internal

// The table of `id` for VMs of class T, made by hypervisors of class H; null for another id or
// what they have no members for.
template <typename T, typename H = Hypervisor>
const void* VmStateExtension(std::string_view id) {
  static_assert(std::is_base_of_v<Vm, T>, "T derives from shoji::sdk::Vm");
  static_assert(std::is_base_of_v<Hypervisor, H>, "H derives from shoji::sdk::Hypervisor");
  using Slots = internal::VmStateSlots<T, H>;
  if constexpr (internal::CanPause<T>) {
    static constexpr shoji_hypervisor_pause_v1 kPause = {sizeof(shoji_hypervisor_pause_v1), 0,
                                                         Slots::Pause, Slots::Resume};
    if (id == SHOJI_HYPERVISOR_PAUSE_V1) return &kPause;
  }
  if constexpr (internal::CanSnapshot<T, H>) {
    static constexpr shoji_hypervisor_snapshot_v1 kSnapshot = {sizeof(shoji_hypervisor_snapshot_v1),
                                                               0, Slots::Save, Slots::Restore,
                                                               Slots::AwaitAgentPortSlot()};
    if (id == SHOJI_HYPERVISOR_SNAPSHOT_V1) return &kSnapshot;
  }
  if constexpr (internal::HasConsole<T>) {
    static constexpr shoji_hypervisor_console_v1 kConsole = {sizeof(shoji_hypervisor_console_v1), 0,
                                                             Slots::OpenConsole};
    if (id == SHOJI_HYPERVISOR_CONSOLE_V1) return &kConsole;
  }
  if constexpr (internal::HasStats<T>) {
    static constexpr shoji_hypervisor_stats_v1 kStats = {sizeof(shoji_hypervisor_stats_v1), 0,
                                                         Slots::Stats};
    if (id == SHOJI_HYPERVISOR_STATS_V1) return &kStats;
  }
  return nullptr;
}

}  // namespace shoji::sdk

#endif  // SHOJI_SDK_HYPERVISOR_STATE_H_
