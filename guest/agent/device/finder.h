// Finds the devices that the host names, by their places on buses.
//
// Purpose  The host cannot know what a device will be called in the guest; it knows where it
//          plugged it in. Works on sysfs only.
// Threads  Any; no state but the roots.
// Example
//     const DeviceName disk{"blk", "02/01"};
//     SHOJI_RETURN_IF_ERROR(finder.Check(disk));
//     finder.Rescan(disk);
//     SHOJI_ASSIGN_OR_RETURN(const std::string path, finder.Find(disk));   // "/dev/vdb"
#ifndef SHOJI_GUEST_AGENT_DEVICE_FINDER_H_
#define SHOJI_GUEST_AGENT_DEVICE_FINDER_H_

#include <string>
#include <string_view>
#include <vector>

#include "shoji/status.h"

namespace shoji::agent {

// Where the kernel shows its devices; tests have their own.
struct DeviceRoots {
  std::string sys = "/sys";
  std::string dev = "/dev";
};

struct DeviceName {
  // blk: a PCI path or /dev/NAME; mmioblk, nvdimm: /dev/NAME; scsi: ID:LUN; vfio, vfio-gk, net:
  // a PCI path.
  std::string driver;
  std::string id;
  std::string Text() const { return driver + " device " + id; }
};

// "02/1f" -> {"02", "1f"}: slots from the root bus to the device, two hexadecimal digits each.
Result<std::vector<std::string>> ParsePciPath(std::string_view text);

class DeviceFinder {
 public:
  explicit DeviceFinder(DeviceRoots roots) : roots_(std::move(roots)) {}
  const DeviceRoots& roots() const { return roots_; }

  // Drivers whose devices are found here.
  static bool Knows(std::string_view driver);
  // INVALID_ARGUMENT for an id that no device of the driver can have.
  Status Check(const DeviceName& name) const;
  // Has the kernel look at the bus. A bus that cannot be looked at has nothing on it.
  void Rescan(const DeviceName& name) const;
  // The node of a disk; the directory in sysfs of a PCI device. NOT_FOUND while there is none.
  Result<std::string> Find(const DeviceName& name) const;

  // The address of the device at that path, "0000:01:05.0".
  Result<std::string> PciAddress(const std::string& path) const;

 private:
  Result<std::string> Node(const std::string& name) const;
  Result<std::string> DiskBelow(const std::string& dir, int depth) const;
  Result<std::string> FindPciDisk(const std::string& path) const;
  Result<std::string> FindScsiDisk(const std::string& id) const;

  DeviceRoots roots_;
};

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_DEVICE_FINDER_H_
