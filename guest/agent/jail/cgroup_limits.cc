#include "jail/cgroup_limits.h"

#include <algorithm>
#include <string_view>

namespace shoji::jail {
namespace {

using Limits = std::vector<Limit>;

// -1 is the specification's "no limit", 0 (proto3) "not given".
std::string NumberOrMax(std::int64_t value) { return value < 0 ? "max" : std::to_string(value); }

Status AddMemory(const grpc::LinuxMemory& memory, Limits* out) {
  if (memory.reservation() != 0)
    out->push_back({"memory.low",
                    memory.reservation() < 0 ? "max" : std::to_string(memory.reservation()), true});
  if (memory.swap() > 0) {
    if (memory.limit() <= 0) {
      return InvalidArgument("linux.resources.memory.swap is " + std::to_string(memory.swap()) +
                             " but memory.limit is not set; set both");
    }
    if (memory.swap() < memory.limit()) {
      return InvalidArgument("linux.resources.memory.swap (memory and swap together) is " +
                             std::to_string(memory.swap()) + ", less than memory.limit " +
                             std::to_string(memory.limit()));
    }
  }
  if (memory.limit() != 0) out->push_back({"memory.max", NumberOrMax(memory.limit()), false});
  // No limit for memory alone means none for memory and swap together either.
  const bool no_limit = memory.limit() < 0 && memory.swap() == 0;
  if (memory.swap() < 0 || no_limit) out->push_back({"memory.swap.max", "max", true});
  if (memory.swap() > 0)
    out->push_back({"memory.swap.max", std::to_string(memory.swap() - memory.limit()), true});
  return OkStatus();
}

Status AddCpu(const grpc::LinuxCPU& cpu, Limits* out) {
  if (cpu.shares() != 0)
    out->push_back({"cpu.weight", std::to_string(WeightOfShares(cpu.shares())), true});
  if (cpu.quota() != 0 || cpu.period() != 0) {
    const std::string quota = cpu.quota() <= 0 ? "max" : std::to_string(cpu.quota());
    const std::uint64_t period = cpu.period() == 0 ? 100000 : cpu.period();
    out->push_back({"cpu.max", quota + " " + std::to_string(period), false});
  }
  if (cpu.burst() != 0) out->push_back({"cpu.max.burst", std::to_string(cpu.burst()), false});
  if (cpu.has_idle()) out->push_back({"cpu.idle", std::to_string(cpu.idle()), false});
  if (!cpu.cpus().empty()) out->push_back({"cpuset.cpus", cpu.cpus(), false});
  if (!cpu.mems().empty()) out->push_back({"cpuset.mems", cpu.mems(), false});
  return OkStatus();
}

std::string DeviceName(std::int64_t major, std::int64_t minor) {
  return std::to_string(major) + ":" + std::to_string(minor);
}

// blkio.weight (10..1000) to io.weight (1..10000).
std::uint64_t IoWeight(std::uint64_t weight) {
  const std::uint64_t in = std::clamp<std::uint64_t>(weight, 10, 1000);
  return 1 + (in - 10) * 9999 / 990;
}

template <typename Devices>
void AddThrottle(const Devices& devices, const std::string& key, Limits* out) {
  for (const grpc::LinuxThrottleDevice& device : devices) {
    const std::string rate = device.rate() == 0 ? "max" : std::to_string(device.rate());
    out->push_back(
        {"io.max", DeviceName(device.major(), device.minor()) + " " + key + "=" + rate, false});
  }
}

// Two schedulers, two files; a kernel has the ones of those it has. BFQ's weights are v1's.
void AddIoWeight(const std::string& of, std::uint32_t weight, Limits* out) {
  if (weight == 0) return;
  out->push_back({"io.bfq.weight", of + " " + std::to_string(weight), true});
  out->push_back({"io.weight", of + " " + std::to_string(IoWeight(weight)), true});
}

void AddIo(const grpc::LinuxBlockIO& io, Limits* out) {
  AddIoWeight("default", io.weight(), out);
  for (const grpc::LinuxWeightDevice& device : io.weightdevice())
    AddIoWeight(DeviceName(device.major(), device.minor()), device.weight(), out);
  AddThrottle(io.throttlereadbpsdevice(), "rbps", out);
  AddThrottle(io.throttlewritebpsdevice(), "wbps", out);
  AddThrottle(io.throttlereadiopsdevice(), "riops", out);
  AddThrottle(io.throttlewriteiopsdevice(), "wiops", out);
}

// "64KB", "2MB", "1GB".
bool IsPageSize(const std::string& text) {
  const std::size_t digits = text.find_first_not_of("0123456789");
  if (digits == 0 || digits == std::string::npos) return false;
  const std::string unit = text.substr(digits);
  return unit == "KB" || unit == "MB" || unit == "GB";
}

// Engines limit every page size of the host; of one that the guest lacks nobody can have any.
bool IsHeldAnyway(const Cgroup& group, const std::string& file) {
  constexpr std::string_view kController = "hugetlb";
  return file.starts_with(kController) && group.Offers(std::string(kController)) &&
         !group.Has(file);
}

// Sorted, so that the order does not depend on the map's.
Status AddUnified(const grpc::LinuxResources& resources, Limits* out) {
  const std::size_t first = out->size();
  for (const auto& [file, value] : resources.unified()) {
    const bool plain = file.find('/') == std::string::npos && file.find('.') != std::string::npos;
    if (!plain || file[0] == '.' || file.rfind("cgroup.", 0) == 0) {
      return InvalidArgument("linux.resources.unified: \"" + file +
                             "\" is not a file of a cgroup controller");
    }
    out->push_back({file, value, false});
  }
  std::sort(out->begin() + static_cast<std::ptrdiff_t>(first), out->end(),
            [](const Limit& a, const Limit& b) { return a.file < b.file; });
  return OkStatus();
}

}  // namespace

std::uint64_t WeightOfShares(std::uint64_t shares) {
  const std::uint64_t in = std::clamp<std::uint64_t>(shares, 2, 262144);
  return 1 + (in - 2) * 9999 / 262142;
}

Result<Limits> LimitsOf(const grpc::LinuxResources& resources) {
  Limits limits;
  SHOJI_RETURN_IF_ERROR(AddMemory(resources.memory(), &limits));
  SHOJI_RETURN_IF_ERROR(AddCpu(resources.cpu(), &limits));
  if (resources.pids().limit() != 0)
    limits.push_back({"pids.max", NumberOrMax(resources.pids().limit()), false});
  AddIo(resources.blockio(), &limits);
  for (const grpc::LinuxHugepageLimit& huge : resources.hugepagelimits()) {
    if (!IsPageSize(huge.pagesize()))
      return InvalidArgument("linux.resources.hugepageLimits: \"" + huge.pagesize() +
                             "\" is not a page size");
    const std::string name = "hugetlb." + huge.pagesize();
    limits.push_back({name + ".max", std::to_string(huge.limit()), false});
    limits.push_back({name + ".rsvd.max", std::to_string(huge.limit()), true});
  }
  SHOJI_RETURN_IF_ERROR(AddUnified(resources, &limits));
  return limits;
}

Status ApplyLimits(const Cgroup& group, const Limits& limits) {
  for (const Limit& limit : limits) {
    // "No limit" needs no controller: it is what a group without one has.
    const bool none = limit.value == "max" || limit.value.rfind("max ", 0) == 0;
    if ((none || limit.wish) && !group.Has(limit.file)) continue;
    if (IsHeldAnyway(group, limit.file)) continue;
    SHOJI_RETURN_IF_ERROR(group.Write(limit.file, limit.value).WithContext("linux.resources"));
  }
  return OkStatus();
}

}  // namespace shoji::jail
