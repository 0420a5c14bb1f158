// The plugin's options and what a VM is made from, checked.
//
// Threads  Values and pure functions.
// Example  SHOJI_ASSIGN_OR_RETURN(VmPlan plan, CheckConfig(std::move(config), options, memory));
#ifndef SHOJI_HYPERVISORS_QEMU_CONFIG_H_
#define SHOJI_HYPERVISORS_QEMU_CONFIG_H_

#include <cstdint>
#include <string>

#include "shoji/sdk/hypervisor.h"
#include "shoji/status.h"
#include "sizes.h"
#include "vm_features.h"

namespace shoji::qemu {

// Measured: with an initrd of 8 MiB, Debian's kernel reaches init with 96 MiB and not with 80.
constexpr std::uint64_t kMinMemory = 96U << 20U;
constexpr std::uint32_t kMaxVcpus = 240;
// COMMAND_LINE_SIZE of an x86 kernel, with its final zero.
constexpr std::size_t kMaxKernelCommandLine = 2048;

struct Options {
  std::string path = "qemu-system-x86_64";
  std::string machine = "q35";
  std::string accel = "auto";
  std::string cpu;  // empty: by accelerator
  std::uint32_t vcpus = 1;
  std::uint64_t memory = 256U << 20U;
  std::string kernel_params;
  Features features;
  Sizes sizes;
};

Result<Options> ReadOptions(const sdk::OptionMap& map);

// Checks and completes `config`: zero vcpus and memory become the option's, memory is rounded
// up to whole MiB. `host_memory` 0: unknown. Looks at the files it names.
Result<sdk::VmConfig> CheckConfig(sdk::VmConfig config, const Options& options,
                                  std::uint64_t host_memory);

// The absolute path of the QEMU binary. NOT_FOUND says what to install or set.
Result<std::string> FindBinary(const std::string& path);

}  // namespace shoji::qemu

#endif  // SHOJI_HYPERVISORS_QEMU_CONFIG_H_
