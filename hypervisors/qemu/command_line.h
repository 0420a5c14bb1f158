// QEMU's argument vector and the guest kernel's command line.
//
// Purpose  All that is known about starting a guest fast lies here, as pure functions.
// Threads  Pure.
// Example  std::vector<std::string> argv = BuildArgv(launch);
#ifndef SHOJI_HYPERVISORS_QEMU_COMMAND_LINE_H_
#define SHOJI_HYPERVISORS_QEMU_COMMAND_LINE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "accel.h"
#include "boot_devices.h"
#include "shoji/sdk/hypervisor.h"
#include "sizes.h"
#include "vm_features.h"

namespace shoji::qemu {

// Numbers of the descriptors that QEMU is started with. Those up to kConsoleFd are
// listening sockets: whoever connects before QEMU has come so far waits in the backlog.
constexpr int kMonitorFd = 3;       // QMP for the owner
constexpr int kOtherMonitorFd = 4;  // QMP for everybody else
constexpr int kAgentFd = 5;         // the agent's serial port
constexpr int kConsoleFd = 6;       // hvc0, a listening socket too
constexpr int kEarlyFd = 7;         // the kernel's messages before hvc0, a connected socket

// The snapshot that a VM comes out of.
struct Incoming {
  std::string state;           // path
  bool shared_memory = false;  // the memory is not in it but in config.memory_path
  std::string qemu;            // version that wrote it
};

struct Launch {
  std::string binary;
  std::string machine;
  std::string cpu;  // empty: by accelerator
  Accel accel = Accel::kTcg;
  std::string uuid;
  std::string kernel_command_line;
  sdk::VmConfig config;
  Features features;
  Sizes sizes;
  std::shared_ptr<BootDevices> devices;  // or null
  std::uint64_t image_bytes = 0;         // of config.image
  std::optional<Incoming> incoming;
  bool named_memory = false;  // called as a template's is: for what was saved of a clone
};

std::vector<std::string> BuildArgv(const Launch& launch);

// `tsc_khz` 0: unknown. `option_params` come from the configuration, `vm_params` from the VM;
// of a parameter that is given twice the kernel takes the last.
std::string BuildKernelCommandLine(Accel accel, std::uint32_t vcpus, std::uint64_t tsc_khz,
                                   const std::string& option_params, const std::string& vm_params);

}  // namespace shoji::qemu

#endif  // SHOJI_HYPERVISORS_QEMU_COMMAND_LINE_H_
