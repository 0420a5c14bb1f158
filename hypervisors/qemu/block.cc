#include "block.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "bus.h"

namespace shoji::qemu {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kMaxLimit = 1'000'000'000'000'000;  // QEMU's
constexpr std::size_t kMaxNodeName = 31;

std::string Text(const Json& json) {
  return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

bool Has(const sdk::BlockDevice& disk, std::uint32_t flag) { return (disk.flags & flag) != 0; }

std::string Of(const std::string& id) { return " of block device \"" + id + "\""; }

// An average, and a burst that is above it.
Status CheckPair(const std::string& id, const char* what, std::uint64_t average,
                 std::uint64_t burst) {
  const std::string name = std::string(what) + "_per_s";
  if (std::max(average, burst) > kMaxLimit) {
    return InvalidArgument(name + Of(id) + " is above " + std::to_string(kMaxLimit));
  }
  if (burst == 0 || (average != 0 && burst >= average)) return OkStatus();
  return InvalidArgument("burst_" + name + " " + std::to_string(burst) + Of(id) +
                         " is below the average of " + std::to_string(average) +
                         "; give an average, and a burst above it");
}

bool IsBlockSpecial(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 && S_ISBLK(info.st_mode);
}

Json FileNode(const sdk::BlockDevice& disk) {
  return {
      {"driver", IsBlockSpecial(disk.path) ? "host_device" : "file"},
      {"filename", disk.path},
      {"discard", "unmap"},
      {"read-only", Has(disk, SHOJI_BLOCK_READONLY)},
      {"cache",
       {{"direct", Has(disk, SHOJI_BLOCK_DIRECT)}, {"no-flush", Has(disk, SHOJI_BLOCK_NO_FLUSH)}}}};
}

Json Limits(const sdk::BlockLimits& limits) {
  const std::uint64_t seconds =
      limits.burst_ms == 0 ? 1 : (limits.burst_ms + 999) / 1000;  // QEMU counts whole ones
  const auto length = [seconds](std::uint64_t burst) { return burst == 0 ? 1 : seconds; };
  return {{"bps-total", limits.bytes_per_s},
          {"bps-total-max", limits.burst_bytes_per_s},
          {"bps-total-max-length", length(limits.burst_bytes_per_s)},
          {"iops-total", limits.ops_per_s},
          {"iops-total-max", limits.burst_ops_per_s},
          {"iops-total-max-length", length(limits.burst_ops_per_s)}};
}

}  // namespace

Status CheckLimits(const std::string& id, const sdk::BlockLimits& limits) {
  SHOJI_RETURN_IF_ERROR(CheckPair(id, "bytes", limits.bytes_per_s, limits.burst_bytes_per_s));
  SHOJI_RETURN_IF_ERROR(CheckPair(id, "ops", limits.ops_per_s, limits.burst_ops_per_s));
  if (limits.burst_ms <= 3'600'000) return OkStatus();
  return InvalidArgument("burst_ms " + std::to_string(limits.burst_ms) + Of(id) +
                         " is more than an hour");
}

Status CheckBlock(const std::string& id, const sdk::BlockDevice& disk) {
  if (disk.path.empty() || disk.path[0] != '/') {
    return InvalidArgument("path \"" + disk.path + "\"" + Of(id) + " is not absolute");
  }
  struct stat info {};
  if (stat(disk.path.c_str(), &info) < 0) {
    return NotFound("file \"" + disk.path + "\"" + Of(id) + " does not exist").WithErrno(errno);
  }
  if (!S_ISREG(info.st_mode) && !S_ISBLK(info.st_mode)) {
    return InvalidArgument("path \"" + disk.path + "\"" + Of(id) +
                           " is neither a file nor a block device");
  }
  if (disk.format != "raw" && disk.format != "qcow2") {
    return InvalidArgument("format \"" + disk.format + "\"" + Of(id) +
                           " is unknown; allowed are raw, qcow2");
  }
  return disk.limits.has_value() ? CheckLimits(id, *disk.limits) : OkStatus();
}

std::string BlockContent(const sdk::BlockDevice& disk) {
  const Json limits = disk.limits.has_value() ? Limits(*disk.limits) : Json();
  return Text({"block", disk.path, disk.format, disk.flags, limits});
}

std::string NodeName(const std::string& id) {
  const std::string name = "b-" + id;
  return name.size() <= kMaxNodeName ? name : "b_" + Fingerprint(id);
}

std::string ThrottleName(const std::string& id) { return "t-" + id; }

void AddBlockBackend(const std::string& id, const sdk::BlockDevice& disk, Plan& plan) {
  const std::string group = ThrottleName(id);
  const Json object = {{"qom-type", "throttle-group"},
                       {"id", group},
                       {"limits", Limits(disk.limits.value_or(sdk::BlockLimits{}))}};
  plan.Add("object-add", Text(object), "object-del", Text({{"id", group}}));
  const bool read_only = Has(disk, SHOJI_BLOCK_READONLY);
  const Json node = {
      {"driver", "throttle"},
      {"node-name", NodeName(id)},
      {"throttle-group", group},
      {"read-only", read_only},
      {"file", {{"driver", disk.format}, {"read-only", read_only}, {"file", FileNode(disk)}}}};
  plan.Add("blockdev-add", Text(node), "blockdev-del", Text({{"node-name", NodeName(id)}}));
}

std::string LimitsJson(const sdk::BlockLimits& limits) { return Text(Limits(limits)); }

}  // namespace shoji::qemu
