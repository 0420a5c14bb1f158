// How far a VM may grow.
//
// Purpose  What a VM may get later costs its guest at boot: measured, in millions of instructions
//          of 607 for the whole boot, a place for a CPU costs 0.9, one for memory 0.6, the
//          bridge for devices 7.6. So there are as many as are of use on this machine, not more.
// Threads  Values and pure functions.
// Example  SHOJI_ASSIGN_OR_RETURN(Sizes sizes, DecideSizes(wanted, base, machine));
#ifndef SHOJI_HYPERVISORS_QEMU_SIZES_H_
#define SHOJI_HYPERVISORS_QEMU_SIZES_H_

#include <cstdint>
#include <string>

#include "accel.h"
#include "bus.h"
#include "shoji/sdk/plugin.h"
#include "shoji/status.h"

namespace shoji::qemu {

inline constexpr std::uint32_t kMaxMemorySlots = 256;  // QEMU's

struct Sizes {
  std::uint32_t max_vcpus = 0;     // 0: as many as the host has
  std::uint64_t max_memory = 0;    // 0: as much as the host has
  std::uint32_t memory_slots = 8;  // how often memory can be added
};

// What the sizes are decided from.
struct SizeBase {
  std::uint32_t vcpus = 1;
  std::uint64_t memory = 0;
  MachineKind machine = MachineKind::kQ35;
  Accel accel = Accel::kTcg;
  std::uint32_t host_cpus = 1;
  std::uint64_t host_memory = 0;  // 0: unknown
};

Result<Sizes> ReadSizes(const sdk::OptionMap& map);

// Of a machine that cannot grow: what it has at boot, and no slots.
Result<Sizes> DecideSizes(const Sizes& wanted, const SizeBase& base);

std::string SmpArg(std::uint32_t vcpus, const Sizes& sizes);
// What is added to "-m size=256M"; `nvdimm_bytes` of an image that lies in the same room, or 0.
std::string MemoryRoom(std::uint64_t memory, const Sizes& sizes, std::uint64_t nvdimm_bytes);
// Kernel parameters, with a blank behind them, or empty.
std::string SizeParams(std::uint64_t memory, const Sizes& sizes, Accel accel);

}  // namespace shoji::qemu

#endif  // SHOJI_HYPERVISORS_QEMU_SIZES_H_
