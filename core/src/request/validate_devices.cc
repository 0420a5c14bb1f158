// Devices, storages, networks and limits, checked.
#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "host/paths.h"
#include "oci/resources.h"
#include "request/agent_storage.h"
#include "request/validate.h"
#include "shoji/base/strings.h"

namespace shoji {
namespace {

constexpr std::uint32_t kMinCid = 3;
constexpr std::size_t kMaxInterfaceName = 15;
constexpr std::uint32_t kMaxQueues = 16;
constexpr std::uint32_t kMinMtu = 68;
constexpr std::uint32_t kMaxMtu = 65535;
constexpr std::uint32_t kV4Bits = 32;
constexpr std::uint32_t kV6Bits = 128;

std::string Quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

Status Wrong(const std::string& what, const char* field, std::string_view value,
             const std::string& allowed) {
  return InvalidArgument(std::string(field) + " " + Quoted(value) + " of " + what + " is not " +
                         allowed);
}

bool IsOneOf(std::string_view value, std::initializer_list<const char*> allowed) {
  return std::find(allowed.begin(), allowed.end(), value) != allowed.end();
}

Status CheckPath(const std::string& what, const char* field, const std::string& path) {
  if (!path.empty() && path[0] == '/' && path.find('\0') == std::string::npos) return OkStatus();
  return Wrong(what, field, path, "an absolute path");
}

Status CheckDisk(const std::string& what, const std::string& format,
                 const std::optional<DiskLimits>& limits) {
  if (!IsOneOf(format, {"raw", "qcow2"})) return Wrong(what, "format", format, "raw or qcow2");
  return limits ? ValidateDiskLimits(*limits, what) : OkStatus();
}

Status CheckMac(const std::string& what, const std::string& mac) {
  bool good = mac.size() == 17;
  for (std::size_t i = 0; good && i < mac.size(); ++i) {
    const auto c = static_cast<unsigned char>(mac[i]);
    good = i % 3 == 2 ? c == ':' : std::isxdigit(c) != 0;
  }
  if (!good) return Wrong(what, "mac", mac, "like 02:00:00:00:00:01");
  const bool group = (std::stoul(mac.substr(0, 2), nullptr, 16) & 1U) != 0;
  return group ? Wrong(what, "mac", mac, "of one station: its first byte is odd") : OkStatus();
}

Status CheckVhostUser(const std::string& what, const DeviceInfo& device) {
  SHOJI_RETURN_IF_ERROR(CheckPath(what, "host_path", device.host_path));
  if (!IsOneOf(device.vhost_type, {"blk", "scsi", "net", "fs"})) {
    return Wrong(what, "vhost_type", device.vhost_type, "blk, scsi, net or fs");
  }
  if (device.vhost_type == "net") return CheckMac(what, device.mac);
  if (device.vhost_type == "fs" && (device.tag.empty() || device.tag == kShareTag)) {
    return Wrong(what, "tag", device.tag, "a name of its own");
  }
  return OkStatus();
}

Status CheckVfio(const std::string& what, const std::string& path) {
  const bool address = path.size() == 12 && path[4] == ':' && path[7] == ':' && path[10] == '.';
  if (address || (!path.empty() && path[0] == '/')) return OkStatus();
  return Wrong(what, "host_path", path, "a PCI address like 0000:03:00.0 or a path in sysfs");
}

Status CheckDeviceKind(const std::string& what, const DeviceInfo& device) {
  switch (device.kind) {
    case DeviceInfo::Kind::kBlock:
      SHOJI_RETURN_IF_ERROR(CheckPath(what, "host_path", device.host_path));
      return CheckDisk(what, device.format, device.limits);
    case DeviceInfo::Kind::kVfio:
      return CheckVfio(what, device.host_path);
    case DeviceInfo::Kind::kVhostUser:
      return CheckVhostUser(what, device);
    case DeviceInfo::Kind::kVsock:
      break;
  }
  if (device.cid >= kMinCid) return OkStatus();
  return Wrong(what, "cid", std::to_string(device.cid), "3 or more");
}

Status CheckAddress(const std::string& what, const IpAddress& address) {
  unsigned char raw[16];
  const bool v4 = inet_pton(AF_INET, address.address.c_str(), raw) == 1;
  if (!v4 && inet_pton(AF_INET6, address.address.c_str(), raw) != 1) {
    return Wrong(what, "address", address.address, "an IP address");
  }
  const std::uint32_t bits = v4 ? kV4Bits : kV6Bits;
  if (address.prefix <= bits) return OkStatus();
  return Wrong(what, "prefix", std::to_string(address.prefix),
               "a number of bits up to " + std::to_string(bits));
}

Status CheckBurst(const std::string& what, const char* field, std::uint64_t rate,
                  std::uint64_t more) {
  if (more == 0 || rate != 0) return OkStatus();
  return InvalidArgument(std::string(field) + " " + std::to_string(more) + " of " + what +
                         " is given without an average");
}

Status CheckRef(const SandboxConfig& config, const std::string& ref, const std::string& what) {
  SHOJI_ASSIGN_OR_RETURN(const StorageRef parsed, ParseStorageRef(ref, what));
  for (const StorageInfo& storage : config.storages) {
    if (storage.id == parsed.id) return OkStatus();
  }
  return NotFound("storage " + Quoted(parsed.id) + " of " + what +
                  " is not among those of sandbox " + Quoted(config.id));
}

Status CheckUses(const SandboxConfig& config, const ContainerConfig& container) {
  const std::string what = "container " + Quoted(container.id);
  for (const std::string& ref : StorageRefs(container)) {
    SHOJI_RETURN_IF_ERROR(CheckRef(config, ref, what));
  }
  for (const ContainerDevice& device : container.devices) {
    const auto same = [&](const DeviceInfo& info) { return info.id == device.device; };
    if (std::none_of(config.devices.begin(), config.devices.end(), same)) {
      return NotFound("device " + Quoted(device.device) + " of " + what +
                      " is not among those of sandbox " + Quoted(config.id));
    }
  }
  return OkStatus();
}

}  // namespace

Status ValidateInterfaceName(const std::string& name) {
  const bool good = !name.empty() && name.size() <= kMaxInterfaceName && name != "." &&
                    name != ".." && std::none_of(name.begin(), name.end(), [](unsigned char c) {
                      return c == '/' || std::isspace(c) != 0 || std::iscntrl(c) != 0;
                    });
  if (good) return OkStatus();
  return InvalidArgument("interface name " + Quoted(name) +
                         " is not 1 to 15 characters without '/' and spaces");
}

Status ValidateDiskLimits(const DiskLimits& limits, const std::string& what) {
  SHOJI_RETURN_IF_ERROR(
      CheckBurst(what, "burst_bytes_per_s", limits.bytes_per_s, limits.burst_bytes_per_s));
  SHOJI_RETURN_IF_ERROR(
      CheckBurst(what, "burst_ops_per_s", limits.ops_per_s, limits.burst_ops_per_s));
  return CheckBurst(what, "burst_ms", limits.burst_bytes_per_s + limits.burst_ops_per_s,
                    limits.burst_ms);
}

Status ValidateInterfaceLimits(const InterfaceLimits& limits, const std::string& what) {
  SHOJI_RETURN_IF_ERROR(
      CheckBurst(what, "rx_burst_bytes", limits.rx_bytes_per_s, limits.rx_burst_bytes));
  SHOJI_RETURN_IF_ERROR(
      CheckBurst(what, "tx_burst_bytes", limits.tx_bytes_per_s, limits.tx_burst_bytes));
  SHOJI_RETURN_IF_ERROR(
      CheckBurst(what, "rx_peak_bytes_per_s", limits.rx_bytes_per_s, limits.rx_peak_bytes_per_s));
  return CheckBurst(what, "tx_peak_bytes_per_s", limits.tx_bytes_per_s, limits.tx_peak_bytes_per_s);
}

Status ValidateDevice(const DeviceInfo& device) {
  SHOJI_RETURN_IF_ERROR(ValidateId("device", device.id));
  const std::string what = "device " + Quoted(device.id);
  if (device.id == kShareTag || device.id.rfind("nic-", 0) == 0) {
    return InvalidArgument("device id " + Quoted(device.id) + " is kept for " +
                           (device.id == kShareTag ? "the share" : "interfaces") +
                           "; choose another");
  }
  return CheckDeviceKind(what, device);
}

Status ValidateStorage(const StorageInfo& storage) {
  SHOJI_RETURN_IF_ERROR(ValidateId("storage", storage.id));
  const std::string what = "storage " + Quoted(storage.id);
  if (storage.kind == StorageInfo::Kind::kMemory) {
    if (storage.read_only) return InvalidArgument(what + " is memory that nobody may write");
    return OkStatus();
  }
  SHOJI_RETURN_IF_ERROR(CheckPath(what, "source", storage.source));
  if (storage.kind == StorageInfo::Kind::kDirectory) return OkStatus();
  if (storage.fstype.empty()) return Wrong(what, "fstype", "", "the name of a file system");
  DeviceInfo disk;
  disk.id = storage.id;
  disk.host_path = storage.source;
  SHOJI_RETURN_IF_ERROR(ValidateDevice(disk));
  return CheckDisk(what, storage.format, storage.limits);
}

Status ValidateInterface(const InterfaceInfo& interface) {
  SHOJI_RETURN_IF_ERROR(ValidateInterfaceName(interface.name));
  const std::string what = "interface " + Quoted(interface.name);
  if (!interface.guest_name.empty()) {
    SHOJI_RETURN_IF_ERROR(ValidateInterfaceName(interface.guest_name));
  }
  if (!interface.mac.empty()) SHOJI_RETURN_IF_ERROR(CheckMac(what, interface.mac));
  if (interface.mtu != 0 && (interface.mtu < kMinMtu || interface.mtu > kMaxMtu)) {
    return Wrong(what, "mtu", std::to_string(interface.mtu), "a number from 68 to 65535");
  }
  for (const IpAddress& address : interface.addresses) {
    SHOJI_RETURN_IF_ERROR(CheckAddress(what, address));
  }
  return interface.limits ? ValidateInterfaceLimits(*interface.limits, what) : OkStatus();
}

Status ValidateRoute(const Route& route) {
  const std::string what = "a route";
  if (!route.destination.empty()) {
    const std::size_t slash = route.destination.rfind('/');
    const std::string prefix =
        slash == std::string::npos ? "" : route.destination.substr(slash + 1);
    const auto bits = ParseInt(prefix);
    const bool number = bits.ok() && *bits >= 0 && *bits <= kV6Bits;
    if (!number) return Wrong(what, "destination", route.destination, "like 10.0.0.0/24");
    SHOJI_RETURN_IF_ERROR(CheckAddress(
        what, {route.destination.substr(0, slash), static_cast<std::uint32_t>(*bits)}));
  }
  for (const std::string& address : {route.gateway, route.source}) {
    if (!address.empty()) SHOJI_RETURN_IF_ERROR(CheckAddress(what, {address, 0}));
  }
  return ValidateInterfaceName(route.device);
}

Status ValidateNetwork(const NetworkConfig& network) {
  if (network.netns.empty()) return OkStatus();
  SHOJI_RETURN_IF_ERROR(CheckPath("the network", "netns", network.netns));
  if (network.queues == 0 || network.queues > kMaxQueues) {
    return Wrong("the network", "queues", std::to_string(network.queues), "a number from 1 to 16");
  }
  return network.limits ? ValidateInterfaceLimits(*network.limits, "the network") : OkStatus();
}

Status ValidateContainerDevices(const ContainerConfig& config) {
  const std::string what = "container " + Quoted(config.id);
  std::set<std::string> paths;
  for (const ContainerDevice& device : config.devices) {
    SHOJI_RETURN_IF_ERROR(ValidateId("device", device.device));
    SHOJI_RETURN_IF_ERROR(CheckPath(what, "container_path", device.container_path));
    const bool good = !device.permissions.empty() &&
                      device.permissions.find_first_not_of("rwm") == std::string::npos;
    if (!good) return Wrong(what, "permissions", device.permissions, "made of r, w and m");
    if (!paths.insert(device.container_path).second) {
      return InvalidArgument("device path " + Quoted(device.container_path) + " of " + what +
                             " is used twice");
    }
  }
  SHOJI_RETURN_IF_ERROR(NeedOf(config).status().WithContext(what));
  for (const std::string& ref : StorageRefs(config)) {
    SHOJI_RETURN_IF_ERROR(ParseStorageRef(ref, what).status());
  }
  return OkStatus();
}

Status ValidateAttached(const SandboxConfig& config) {
  std::set<std::string> ids;
  const auto take = [&](const std::string& id) {
    if (ids.insert(id).second) return OkStatus();
    return InvalidArgument("id " + Quoted(id) +
                           " is used twice among the devices and storages of "
                           "sandbox " +
                           Quoted(config.id));
  };
  for (const DeviceInfo& device : config.devices) {
    SHOJI_RETURN_IF_ERROR(ValidateDevice(device));
    SHOJI_RETURN_IF_ERROR(take(device.id));
  }
  for (const StorageInfo& storage : config.storages) {
    SHOJI_RETURN_IF_ERROR(ValidateStorage(storage));
    SHOJI_RETURN_IF_ERROR(take(storage.id));
    if (!config.share && storage.kind == StorageInfo::Kind::kDirectory) {
      return InvalidArgument("storage " + Quoted(storage.id) + " is a directory, and sandbox " +
                             Quoted(config.id) + " has no share");
    }
  }
  SHOJI_RETURN_IF_ERROR(ValidateNetwork(config.network));
  for (const ContainerConfig& container : config.containers) {
    SHOJI_RETURN_IF_ERROR(CheckUses(config, container));
  }
  return OkStatus();
}

}  // namespace shoji
