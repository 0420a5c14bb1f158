#include "oci/host_devices.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <exception>
#include <nlohmann/json.hpp>

#include "oci/guest_limits.h"
#include "oci/json_fields.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji {
namespace {

using nlohmann::json;

constexpr std::int64_t kAny = -1;  // "all", as the specification's absent number

bool IsForAll(const json& rule) {
  const std::string type = ValueOr(rule, "type", std::string());
  return (type.empty() || type == "a") && ValueOr(rule, "major", kAny) < 0 &&
         ValueOr(rule, "minor", kAny) < 0;
}

// Whether the rules end in "everything is allowed".
bool AllowsAll(const json& rules) {
  bool allowed = false;
  for (const json& rule : rules) {
    if (IsForAll(rule)) allowed = ValueOr(rule, "allow", false);
  }
  return allowed;
}

// The last rule about exactly this disk; without one it may be used as it is.
std::string AccessOf(const json& rules, const HostDisk& disk) {
  std::string access = "rwm";
  for (const json& rule : rules) {
    const bool ours = ValueOr(rule, "type", std::string()) == "b" &&
                      ValueOr(rule, "major", kAny) == disk.major &&
                      ValueOr(rule, "minor", kAny) == disk.minor;
    if (ours && ValueOr(rule, "allow", false)) access = ValueOr(rule, "access", access);
  }
  return access;
}

std::string Numbers(std::int64_t major, std::int64_t minor) {
  return std::to_string(major) + ":" + std::to_string(minor);
}

Status NotForGuests(const std::string& path, std::int64_t major, std::int64_t minor) {
  return InvalidArgument("device " + path + " (c " + Numbers(major, minor) +
                         ") is the host's, and a VM cannot have it; only disks, /dev/null and "
                         "its like, /dev/fuse and /dev/net/tun can be asked for");
}

Result<std::vector<HostDisk>> DisksOf(const json& linux_part) {
  std::vector<HostDisk> out;
  const json rules = ArrayOr(ObjectOr(linux_part, "resources"), "devices");
  if (AllowsAll(rules)) return out;
  const GuestDevices none(json::array(), {});
  for (const json& node : ArrayOr(linux_part, "devices")) {
    const std::string type = ValueOr(node, "type", std::string());
    HostDisk disk;
    disk.container_path = ValueOr(node, "path", std::string());
    disk.major = ValueOr(node, "major", std::int64_t{0});
    disk.minor = ValueOr(node, "minor", std::int64_t{0});
    if (type == "b") {
      disk.access = AccessOf(rules, disk);
      out.push_back(std::move(disk));
    } else if (type != "p" && !none.Means(type, disk.major, disk.minor)) {
      return NotForGuests(disk.container_path, disk.major, disk.minor);
    }
  }
  return out;
}

bool IsNode(const std::string& path, const HostDisk& disk) {
  struct stat info = {};
  return stat(path.c_str(), &info) == 0 && S_ISBLK(info.st_mode) &&
         static_cast<std::int64_t>(major(info.st_rdev)) == disk.major &&
         static_cast<std::int64_t>(minor(info.st_rdev)) == disk.minor;
}

}  // namespace

Result<std::vector<HostDisk>> HostDisksOf(const std::string& spec) {
  try {
    const json in = json::parse(spec, nullptr, false);
    if (!in.is_object()) return InvalidArgument("OCI specification is not a JSON object");
    return DisksOf(ObjectOr(in, "linux"));
  } catch (const std::exception& e) {
    return InvalidArgument(std::string("OCI specification has a field of the wrong type: ") +
                           e.what());
  }
}

Result<std::string> HostNodeOf(const HostDisk& disk) {
  const std::string numbers = Numbers(disk.major, disk.minor);
  const std::string named = "disk " + numbers + " for " + disk.container_path;
  const auto about = ReadFile("/sys/dev/block/" + numbers + "/uevent");
  if (!about.ok()) return NotFound(named + ": the host has none with this number");
  for (const std::string& line : Split(*about, '\n')) {
    if (line.rfind("DEVNAME=", 0) != 0) continue;
    const std::string path = "/dev/" + line.substr(line.find('=') + 1);
    if (IsNode(path, disk)) return path;
    return NotFound(named + ": " + path + " is not there, or another device");
  }
  return NotFound(named + ": the host's kernel gives it no name");
}

}  // namespace shoji
