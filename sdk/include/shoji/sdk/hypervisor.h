// Base classes for plugins of kind "hypervisor".
//
// Purpose  Derive from Hypervisor and Vm, and HypervisorTable<T>() is the C table: it turns
//          C structs into the types below, exceptions into INTERNAL errors and keeps outputs
//          untouched on failure.
// Threads  As plugin-api/hypervisor.h tags them: WaitFd, Pids, AgentEndpoint, LastWords and
//          SaveState may run beside everything else, the other calls on a Vm take turns.
// Example
//     class MyVmm : public shoji::sdk::Hypervisor {
//      public:
//       static shoji::Result<std::unique_ptr<shoji::sdk::Hypervisor>> Open(
//           const shoji::sdk::Host& host, const shoji::sdk::OptionMap& options);
//       ...
//     };
//     SHOJI_SDK_PLUGIN([](shoji::sdk::Interfaces& i) {
//       i.Add(SHOJI_HYPERVISOR_V1, shoji::sdk::HypervisorTable<MyVmm>());
//     });
#ifndef SHOJI_SDK_HYPERVISOR_H_
#define SHOJI_SDK_HYPERVISOR_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shoji/plugin/hypervisor.h"
#include "shoji/sdk/hypervisor_device.h"
#include "shoji/sdk/plugin.h"
#include "shoji/status.h"

namespace shoji::sdk {

// shoji_call, as far as the host knows it.
struct HypervisorCall {
  std::int64_t deadline_ns = 0;  // CLOCK_MONOTONIC; 0 = none
  int cancel_fd = -1;            // readable = give up; borrowed
};

struct VmConfig {
  std::string id;
  std::uint32_t vcpus = 0;
  std::uint64_t memory_bytes = 0;
  std::string run_dir;
  std::string kernel;
  std::string initrd;
  std::string kernel_params;
  std::vector<VmShareConfig> shares;
  std::string image;                   // a disk with the guest's root file system, or empty
  std::string memory_path;             // the guest's memory as a shared file, or empty
  std::vector<HotplugDevice> devices;  // there from the start
};

// One virtual machine. The destructor drops the handle and leaves the VM alone.
class Vm {
 public:
  virtual ~Vm() = default;
  virtual Status Start(const HypervisorCall& call) = 0;
  virtual Status Stop(const HypervisorCall& call, bool force) = 0;
  virtual int WaitFd() = 0;
  virtual Result<std::vector<std::int32_t>> Pids() = 0;
  virtual Result<std::string> AgentEndpoint() = 0;
  virtual Result<std::string> LastWords() = 0;
  virtual Result<std::string> SaveState() = 0;
  // Stops by force and removes what it left; the object is deleted afterwards in any case.
  virtual Status Destroy(const HypervisorCall& call) = 0;
  virtual const void* Extension(std::string_view) { return nullptr; }
};

class Hypervisor {
 public:
  virtual ~Hypervisor() = default;

  // `json` is written in both cases; `status` says whether the machine can.
  struct Report {
    std::string json;
    Status status;
  };
  virtual Report Check(const HypervisorCall& call) = 0;
  virtual Result<std::unique_ptr<Vm>> Create(const HypervisorCall& call, VmConfig config) = 0;
  // `status` NOT_FOUND together with a vm: its process is gone, Destroy() cleans up.
  struct Attached {
    std::unique_ptr<Vm> vm;
    Status status;
  };
  virtual Attached Attach(const HypervisorCall& call, std::string_view state) = 0;
};

namespace internal {

struct HypervisorHandle {
  Host host;
  std::unique_ptr<Hypervisor> hypervisor;
};
struct VmHandle {
  Host host;
  std::unique_ptr<Vm> vm;
};

inline HypervisorHandle* Of(shoji_hypervisor* h) { return reinterpret_cast<HypervisorHandle*>(h); }
inline VmHandle* Of(shoji_vm* vm) { return reinterpret_cast<VmHandle*>(vm); }

inline HypervisorCall CallOf(const shoji_call* call) {
  HypervisorCall out;
  if (SHOJI_HAS(shoji_call, call, cancel_fd)) out.cancel_fd = call->cancel_fd;
  if (SHOJI_HAS(shoji_call, call, deadline_ns)) out.deadline_ns = call->deadline_ns;
  return out;
}

// Ids become file names: [A-Za-z0-9_.-]{1,64}, but not the names of directories.
inline Status CheckVmId(std::string_view id) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
  if (!id.empty() && id.size() <= 64 && id != "." && id != ".." &&
      id.find_first_not_of(kAllowed) == std::string_view::npos) {
    return OkStatus();
  }
  return InvalidArgument("id \"" + std::string(id.substr(0, 100)) +
                         "\" of a VM does not match [A-Za-z0-9_.-]{1,64}");
}

// What a host of the first release did not give.
inline Status AddLaterParts(const shoji_vm_config* config, VmConfig* out) {
  if (!SHOJI_HAS(shoji_vm_config, config, device_count)) return OkStatus();
  out->image = String(config->image);
  if ((config->flags & SHOJI_VM_MEMORY_FILE) != 0) out->memory_path = String(config->memory_path);
  for (std::uint32_t i = 0; i < config->device_count; ++i) {
    SHOJI_ASSIGN_OR_RETURN(HotplugDevice device, DeviceOf(config->devices[i]));
    out->devices.push_back(std::move(device));
  }
  return OkStatus();
}

inline Result<VmConfig> ConfigOf(const shoji_vm_config* config) {
  if (!SHOJI_HAS(shoji_vm_config, config, flags)) {
    return TooShort("shoji_vm_config");
  }
  if ((config->flags & ~SHOJI_VM_MEMORY_FILE) != 0) {
    return InvalidArgument("VM \"" + String(config->id) + "\" has unknown flags " +
                           std::to_string(config->flags));
  }
  SHOJI_RETURN_IF_ERROR(CheckVmId(View(config->id)));
  VmConfig out{String(config->id),
               config->vcpus,
               config->memory_bytes,
               String(config->run_dir),
               String(config->kernel),
               String(config->initrd),
               String(config->kernel_params),
               {},
               {},
               {},
               {}};
  for (std::uint32_t i = 0; i < config->share_count; ++i) {
    SHOJI_ASSIGN_OR_RETURN(VmShareConfig share, ShareOf(config->shares[i]));
    out.shares.push_back(std::move(share));
  }
  SHOJI_RETURN_IF_ERROR(AddLaterParts(config, &out));
  return out;
}

// Writes what a Result<std::string> holds.
inline Status PutResult(const shoji_sink* sink, const Result<std::string>& text) {
  if (!text.ok()) return text.status();
  return Put(sink, *text);
}

template <typename T>
struct HypervisorSlots {
  static std::int32_t Open(void* plugin, const shoji_options* options, shoji_hypervisor** ret,
                           shoji_error* err) noexcept {
    const Host& host = HostOf(plugin);
    return host.Guard(err, [&]() -> Status {
      SHOJI_ASSIGN_OR_RETURN(std::unique_ptr<Hypervisor> opened,
                             NotNull<Hypervisor>(T::Open(host, OptionMap(options)), "Open"));
      *ret = reinterpret_cast<shoji_hypervisor*>(new HypervisorHandle{host, std::move(opened)});
      return OkStatus();
    });
  }
  static void Close(shoji_hypervisor* h) noexcept { delete Of(h); }

  static std::int32_t Check(shoji_hypervisor* h, const shoji_call* call, const shoji_sink* ret,
                            shoji_error* err) noexcept {
    return Of(h)->host.Guard(err, [&]() -> Status {
      const Hypervisor::Report report = Of(h)->hypervisor->Check(CallOf(call));
      SHOJI_RETURN_IF_ERROR(Put(ret, report.json));
      return report.status;
    });
  }
  static std::int32_t Create(shoji_hypervisor* h, const shoji_call* call,
                             const shoji_vm_config* config, shoji_vm** ret,
                             shoji_error* err) noexcept {
    return Of(h)->host.Guard(err, [&]() -> Status {
      SHOJI_ASSIGN_OR_RETURN(VmConfig parsed, ConfigOf(config));
      SHOJI_ASSIGN_OR_RETURN(
          std::unique_ptr<Vm> vm,
          NotNull<Vm>(Of(h)->hypervisor->Create(CallOf(call), std::move(parsed)), "Create"));
      *ret = reinterpret_cast<shoji_vm*>(new VmHandle{Of(h)->host, std::move(vm)});
      return OkStatus();
    });
  }
  static std::int32_t Start(shoji_vm* vm, const shoji_call* call, shoji_error* err) noexcept {
    return Of(vm)->host.Guard(err, [&] { return Of(vm)->vm->Start(CallOf(call)); });
  }
  static std::int32_t Stop(shoji_vm* vm, const shoji_call* call, std::uint32_t flags,
                           shoji_error* err) noexcept {
    return Of(vm)->host.Guard(err, [&]() -> Status {
      SHOJI_RETURN_IF_ERROR(CheckFlags("stop", flags, SHOJI_VM_STOP_FORCE));
      return Of(vm)->vm->Stop(CallOf(call), (flags & SHOJI_VM_STOP_FORCE) != 0);
    });
  }
  static std::int32_t WaitFd(shoji_vm* vm) noexcept {
    try {
      return Of(vm)->vm->WaitFd();
    } catch (...) {
      return -1;
    }
  }
  static std::int32_t Pids(shoji_vm* vm, const shoji_sink* ret, shoji_error* err) noexcept {
    return Of(vm)->host.Guard(err, [&]() -> Status {
      SHOJI_ASSIGN_OR_RETURN(const std::vector<std::int32_t> pids, Of(vm)->vm->Pids());
      std::string text;
      for (const std::int32_t pid : pids) {
        text += (text.empty() ? "" : "\n") + std::to_string(pid);
      }
      return Put(ret, text);
    });
  }
  static std::int32_t AgentEndpoint(shoji_vm* vm, const shoji_sink* ret,
                                    shoji_error* err) noexcept {
    return Of(vm)->host.Guard(err, [&] { return PutResult(ret, Of(vm)->vm->AgentEndpoint()); });
  }
  static std::int32_t LastWords(shoji_vm* vm, const shoji_sink* ret, shoji_error* err) noexcept {
    return Of(vm)->host.Guard(err, [&] { return PutResult(ret, Of(vm)->vm->LastWords()); });
  }
  static std::int32_t SaveState(shoji_vm* vm, const shoji_sink* ret, shoji_error* err) noexcept {
    return Of(vm)->host.Guard(err, [&] { return PutResult(ret, Of(vm)->vm->SaveState()); });
  }
  static std::int32_t Attach(shoji_hypervisor* h, const shoji_call* call, shoji_str state,
                             shoji_vm** ret, shoji_error* err) noexcept {
    return Of(h)->host.Guard(err, [&]() -> Status {
      Hypervisor::Attached attached = Of(h)->hypervisor->Attach(CallOf(call), View(state));
      if (attached.status.ok() && attached.vm == nullptr) {
        return Internal("Attach() of the plugin gave neither a VM nor an error");
      }
      const bool gone = attached.status.code() == StatusCode::kNotFound;
      if (attached.vm != nullptr && (gone || attached.status.ok())) {
        *ret = reinterpret_cast<shoji_vm*>(new VmHandle{Of(h)->host, std::move(attached.vm)});
      }
      return attached.status;
    });
  }
  static void CloseVm(shoji_vm* vm) noexcept { delete Of(vm); }

  static std::int32_t Destroy(shoji_vm* vm, const shoji_call* call, shoji_error* err) noexcept {
    const std::unique_ptr<VmHandle> handle(Of(vm));
    if (handle == nullptr) return SHOJI_OK;
    return handle->host.Guard(err, [&] { return handle->vm->Destroy(CallOf(call)); });
  }
  static const void* GetExtension(shoji_vm* vm, const char* id) noexcept {
    try {
      return Of(vm)->vm->Extension(id);
    } catch (...) {
      return nullptr;
    }
  }
};

}  // namespace internal

// The C table of a Hypervisor with `static Result<std::unique_ptr<Hypervisor>>
// Open(const Host&, const OptionMap&)`.
template <typename T>
const shoji_hypervisor_v1* HypervisorTable() {
  using Slots = internal::HypervisorSlots<T>;
  static const shoji_hypervisor_v1 kTable = {sizeof(shoji_hypervisor_v1),
                                             0,
                                             Slots::Open,
                                             Slots::Close,
                                             Slots::Check,
                                             Slots::Create,
                                             Slots::Start,
                                             Slots::Stop,
                                             Slots::WaitFd,
                                             Slots::Pids,
                                             Slots::AgentEndpoint,
                                             Slots::LastWords,
                                             Slots::SaveState,
                                             Slots::Attach,
                                             Slots::CloseVm,
                                             Slots::Destroy,
                                             Slots::GetExtension};
  return &kTable;
}

}  // namespace shoji::sdk

#endif  // SHOJI_SDK_HYPERVISOR_H_
