#include "sizes.h"

#include <algorithm>

#include "config.h"
#include "shoji/base/strings.h"

namespace shoji::qemu {
namespace {

// Under TCG each possible CPU costs the boot some milliseconds.
constexpr std::uint32_t kMaxVcpusUnderTcg = 4;
constexpr std::uint64_t kMiB = 1U << 20U;
constexpr std::uint64_t kNvdimmRoom = 1U << 30U;  // for its alignment
constexpr std::uint32_t kNvdimmSlots = 1;

std::string InMiB(std::uint64_t bytes) { return std::to_string(bytes / kMiB) + " MiB"; }

Result<std::uint32_t> ReadCount(const sdk::OptionMap& map, const char* name, std::uint32_t usual,
                                std::uint32_t most) {
  const std::string text = map.Get(name);
  if (text.empty()) return usual;
  SHOJI_ASSIGN_OR_RETURN(const std::int64_t value, ParseInt(text));
  if (value >= 0 && value <= most) return static_cast<std::uint32_t>(value);
  return InvalidArgument(std::string("hypervisor.qemu.") + name + " " + text + " is not 0 to " +
                         std::to_string(most));
}

std::uint32_t UsualVcpus(const SizeBase& base) {
  const std::uint32_t most = base.accel == Accel::kTcg ? kMaxVcpusUnderTcg : kMaxVcpus;
  return std::max(base.vcpus, std::min(base.host_cpus, most));
}

}  // namespace

Result<Sizes> ReadSizes(const sdk::OptionMap& map) {
  Sizes sizes;
  SHOJI_ASSIGN_OR_RETURN(sizes.max_vcpus, ReadCount(map, "max_vcpus", 0, kMaxVcpus));
  SHOJI_ASSIGN_OR_RETURN(sizes.memory_slots,
                         ReadCount(map, "memory_slots", sizes.memory_slots, kMaxMemorySlots - 1));
  if (const std::string text = map.Get("max_memory"); !text.empty()) {
    SHOJI_ASSIGN_OR_RETURN(sizes.max_memory, ParseSize(text));
  }
  return sizes;
}

Result<Sizes> DecideSizes(const Sizes& wanted, const SizeBase& base) {
  if (!CanHotplug(base.machine)) return Sizes{base.vcpus, base.memory, 0};
  Sizes sizes = wanted;
  if (sizes.max_vcpus == 0) sizes.max_vcpus = UsualVcpus(base);
  if (sizes.max_vcpus < base.vcpus) {
    return InvalidArgument("vcpus " + std::to_string(base.vcpus) +
                           " is above hypervisor.qemu.max_vcpus " +
                           std::to_string(sizes.max_vcpus));
  }
  if (sizes.max_memory == 0) sizes.max_memory = std::max(base.host_memory, base.memory);
  if (sizes.max_memory < base.memory) {
    return InvalidArgument("memory " + InMiB(base.memory) +
                           " is above hypervisor.qemu.max_memory " + InMiB(sizes.max_memory));
  }
  sizes.max_memory = sizes.max_memory / kMiB * kMiB;
  if (sizes.max_memory == base.memory) sizes.memory_slots = 0;
  if (sizes.memory_slots == 0) sizes.max_memory = base.memory;
  return sizes;
}

std::string SmpArg(std::uint32_t vcpus, const Sizes& sizes) {
  if (sizes.max_vcpus <= vcpus) return std::to_string(vcpus);
  const std::string most = std::to_string(sizes.max_vcpus);
  return "cpus=" + std::to_string(vcpus) + ",maxcpus=" + most + ",sockets=" + most +
         ",cores=1,threads=1";
}

std::string MemoryRoom(std::uint64_t memory, const Sizes& sizes, std::uint64_t nvdimm_bytes) {
  const std::uint32_t slots = sizes.memory_slots + (nvdimm_bytes == 0 ? 0 : kNvdimmSlots);
  if (slots == 0) return "";
  const std::uint64_t room = nvdimm_bytes == 0 ? 0 : nvdimm_bytes + kNvdimmRoom;
  const std::uint64_t most = std::max(memory, sizes.max_memory) + room;
  return ",slots=" + std::to_string(slots) + ",maxmem=" + std::to_string(most / kMiB) + "M";
}

std::string SizeParams(std::uint64_t memory, const Sizes& sizes, Accel accel) {
  std::string params;
  // Memory that may come above 4 GiB makes the kernel set 64 MiB aside for devices that reach
  // only what is below, and clear them: an eighth of a boot. Virtio devices reach everything.
  if (sizes.max_memory > memory) params += "swiotlb=noforce ";
  if (accel == Accel::kTcg && sizes.max_vcpus == 1) params += "nr_cpus=1 ";
  return params;
}

}  // namespace shoji::qemu
