#include "device/finder.h"

#include <sys/stat.h>

#include <algorithm>
#include <cctype>

#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji::agent {
namespace {

constexpr char kRootBus[] = "0000:00";
constexpr std::string_view kDrivers[] = {"blk", "mmioblk", "nvdimm", "scsi", "vfio", "vfio-gk"};
// pci device / virtioN / block / vdX; nvme has one more.
constexpr int kDiskDepth = 3;

bool IsHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; });
}

// A name that lies directly below /dev or a directory there, and nowhere else.
bool IsNodePath(const std::string& id) {
  return id.starts_with("/dev/") && id.size() > 5 && !id.ends_with("/") &&
         (id + "/").find("/../") == id.npos;
}

struct ScsiPlace {
  std::int64_t target = 0;
  std::int64_t lun = 0;
};

Result<ScsiPlace> ParseScsi(const std::string& id) {
  const std::vector<std::string> parts = Split(id, ':');
  if (parts.size() == 2) {
    const auto target = ParseInt(parts[0]);
    const auto lun = ParseInt(parts[1]);
    if (target.ok() && lun.ok() && *target >= 0 && *lun >= 0 && *target < 65536 && *lun < 65536) {
      return ScsiPlace{*target, *lun};
    }
  }
  return InvalidArgument("scsi address \"" + id + "\" is not ID:LUN");
}

bool IsPciDriver(const std::string& driver) {
  return driver == "vfio" || driver == "vfio-gk" || driver == "net";
}

void Tell(const std::string& file, const std::string& value) {
  [[maybe_unused]] const Status ignored = WriteFile(file, value);
}

}  // namespace

Result<std::vector<std::string>> ParsePciPath(std::string_view text) {
  std::vector<std::string> slots = Split(text, '/');
  for (const std::string& slot : slots) {
    if (slot.size() == 2 && IsHex(slot) && std::stoi(slot, nullptr, 16) < 32) continue;
    return InvalidArgument("PCI path \"" + std::string(text) +
                           "\" is not made of slots like 02/1f");
  }
  if (slots.empty()) return InvalidArgument("the PCI path is empty");
  return slots;
}

bool DeviceFinder::Knows(std::string_view driver) {
  return std::find(std::begin(kDrivers), std::end(kDrivers), driver) != std::end(kDrivers);
}

Status DeviceFinder::Check(const DeviceName& name) const {
  if (name.driver == "scsi") return ParseScsi(name.id).status();
  if (IsPciDriver(name.driver)) return ParsePciPath(name.id).status();
  if (IsNodePath(name.id)) return OkStatus();
  if (name.driver == "blk") return ParsePciPath(name.id).status();
  return InvalidArgument(name.driver + " device \"" + name.id + "\" is not /dev/NAME");
}

void DeviceFinder::Rescan(const DeviceName& name) const {
  if (name.driver != "scsi") return Tell(roots_.sys + "/bus/pci/rescan", "1");
  const auto place = ParseScsi(name.id);
  const std::string hosts = roots_.sys + "/class/scsi_host";
  const auto list = ListDir(hosts);
  if (!place.ok() || !list.ok()) return;
  const std::string text = "0 " + std::to_string(place->target) + " " + std::to_string(place->lun);
  for (const std::string& host : *list) Tell(hosts + "/" + host + "/scan", text);
}

Result<std::string> DeviceFinder::PciAddress(const std::string& path) const {
  SHOJI_ASSIGN_OR_RETURN(const std::vector<std::string> slots, ParsePciPath(path));
  std::string bus = kRootBus;
  std::string address;
  for (const std::string& slot : slots) {
    if (!address.empty()) {  // the bus behind the last one, a bridge
      const auto buses = ListDir(roots_.sys + "/bus/pci/devices/" + address + "/pci_bus");
      if (!buses.ok() || buses->size() != 1) {
        return NotFound("PCI device " + address + " of path " + path + " is no bridge");
      }
      bus = buses->front();
    }
    address = bus + ":" + slot + ".0";
    std::transform(address.begin(), address.end(), address.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (!PathExists(roots_.sys + "/bus/pci/devices/" + address)) {
      return NotFound("there is no PCI device " + address + " (path " + path + ")");
    }
  }
  return address;
}

// The node appears a moment after the entry in sysfs.
Result<std::string> DeviceFinder::Node(const std::string& name) const {
  std::string path = roots_.dev + "/" + name;
  struct stat info {};
  if (stat(path.c_str(), &info) == 0 && S_ISBLK(info.st_mode)) return path;
  return NotFound("there is no block device " + path);
}

Result<std::string> DeviceFinder::DiskBelow(const std::string& dir, int depth) const {
  if (const auto disks = ListDir(dir + "/block"); disks.ok() && !disks->empty()) {
    return Node(disks->front());
  }
  Status failure = NotFound("there is no disk in " + dir);
  const auto names = ListDir(dir);
  for (const std::string& name : names.ok() && depth > 0 ? *names : std::vector<std::string>()) {
    if (!name.starts_with("virtio") && !name.starts_with("nvme")) continue;
    if (PathExists(dir + "/" + name + "/queue") && name.find('n', 4) != name.npos) {
      return Node(name);  // nvme0n1 lies in its controller, without "block"
    }
    auto found = DiskBelow(dir + "/" + name, depth - 1);
    if (found.ok()) return found;
    failure = found.status();
  }
  return failure;
}

Result<std::string> DeviceFinder::FindPciDisk(const std::string& path) const {
  SHOJI_ASSIGN_OR_RETURN(const std::string address, PciAddress(path));
  return DiskBelow(roots_.sys + "/bus/pci/devices/" + address, kDiskDepth);
}

Result<std::string> DeviceFinder::FindScsiDisk(const std::string& id) const {
  SHOJI_ASSIGN_OR_RETURN(const ScsiPlace place, ParseScsi(id));
  const std::string end =
      ":0:" + std::to_string(place.target) + ":" + std::to_string(place.lun);  // HOST:CHANNEL:...
  const std::string devices = roots_.sys + "/bus/scsi/devices";
  const auto names = ListDir(devices);
  for (const std::string& name : names.ok() ? *names : std::vector<std::string>()) {
    if (name.ends_with(end)) return DiskBelow(devices + "/" + name, 0);
  }
  return NotFound("there is no scsi device " + id);
}

Result<std::string> DeviceFinder::Find(const DeviceName& name) const {
  if (name.driver == "scsi") return FindScsiDisk(name.id);
  if (IsPciDriver(name.driver)) {
    SHOJI_ASSIGN_OR_RETURN(const std::string address, PciAddress(name.id));
    return roots_.sys + "/bus/pci/devices/" + address;
  }
  if (name.id.starts_with("/dev/")) return Node(name.id.substr(5));
  return FindPciDisk(name.id);
}

}  // namespace shoji::agent
