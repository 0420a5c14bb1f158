// Arguments of QEMU that follow from the features of a VM.
//
// Threads  Pure.
// Example  for (std::string& arg : MemoryArgs(launch)) argv.push_back(std::move(arg));
#ifndef SHOJI_HYPERVISORS_QEMU_FEATURE_ARGS_H_
#define SHOJI_HYPERVISORS_QEMU_FEATURE_ARGS_H_

#include <string>
#include <vector>

#include "command_line.h"

namespace shoji::qemu {

// The first of the descriptors, one for each share, that are connected to virtiofsd.
constexpr int kFirstShareFd = 40;

// A comma within a value of QEMU's option lists is written twice.
std::string Escaped(const std::string& value);

// Behind the machine type: ",kernel_irqchip=split,memory-backend=ram0".
std::string MachineSuffix(const Launch& launch);
// What is added to "-m size=256M".
std::string MemorySuffix(const Launch& launch);
// The object that holds the memory, where it is not QEMU's own choice.
std::vector<std::string> MemoryArgs(const Launch& launch);
// The system call filter, the user, locked memory, the firmware.
std::vector<std::string> ConfinementArgs(const Launch& launch);
// The disk with the root file system.
std::vector<std::string> ImageArgs(const Launch& launch);
std::vector<std::string> VirtioFsArgs(const std::vector<sdk::VmShareConfig>& shares);

// Where the guest finds its root file system; empty without an image, else with a blank behind it.
std::string ImageParams(const Features& features, const sdk::VmConfig& config);

}  // namespace shoji::qemu

#endif  // SHOJI_HYPERVISORS_QEMU_FEATURE_ARGS_H_
