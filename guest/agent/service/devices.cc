#include "service/devices.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "shoji/base/errno.h"
#include "shoji/base/file.h"

// Macros that hide the fields of these names.
#undef major
#undef minor

namespace shoji::agent {
namespace {

constexpr const char* kTypes[] = {"blk", "mmioblk", "nvdimm", "scsi", "vfio", "vfio-gk"};

bool IsVfio(const grpc::Device& device) { return device.type().starts_with("vfio"); }

Status CheckDevice(const grpc::Device& device) {
  const bool known =
      std::find(std::begin(kTypes), std::end(kTypes), device.type()) != std::end(kTypes);
  if (!known) {
    return InvalidArgument("device " + device.container_path() + " has type \"" + device.type() +
                           "\"; the agent knows blk, mmioblk, nvdimm, scsi, vfio, vfio-gk");
  }
  if (device.id().empty() && device.vm_path().empty() && !IsVfio(device)) {
    return InvalidArgument("device " + device.container_path() + " has neither id nor vm_path");
  }
  if (device.container_path().empty() && device.type() != "vfio-gk") {
    return InvalidArgument("device " + device.id() + " has no container_path");
  }
  return OkStatus();
}

// Options of vfio devices: "HOST_ADDRESS=PCI_PATH".
Status AddVfio(const grpc::Device& device, std::vector<DeviceName>* names) {
  for (const std::string& option : device.options()) {
    const std::size_t equals = option.find('=');
    if (equals == option.npos) {
      return InvalidArgument("vfio device " + device.container_path() + ": option \"" + option +
                             "\" is not ADDRESS=PATH");
    }
    names->push_back({device.type(), option.substr(equals + 1)});
  }
  return OkStatus();
}

// The place on the bus is sure; a path is the host's guess, unless the driver has no bus.
std::string IdOf(const grpc::Device& device) {
  const bool by_path = device.type() == "nvdimm" || device.type() == "mmioblk";
  return device.id().empty() || (by_path && !device.vm_path().empty()) ? device.vm_path()
                                                                       : device.id();
}

struct Numbers {
  std::int64_t major = 0;
  std::int64_t minor = 0;
  bool operator==(const Numbers&) const = default;
};

struct Change {
  bool block = true;
  Numbers from;
  Numbers to;
};

Result<grpc::LinuxDevice*> FindInSpec(const std::string& path, grpc::Spec* spec) {
  for (grpc::LinuxDevice& device : *spec->mutable_linux()->mutable_devices()) {
    if (device.path() == path) return &device;
  }
  return InvalidArgument("device " + path + " is not in linux.devices of the specification");
}

Result<Change> PutNode(const std::string& node, grpc::LinuxDevice* device) {
  struct stat info {};
  if (stat(node.c_str(), &info) < 0) return ErrnoStatus(errno, "cannot look at device " + node);
  if (!S_ISBLK(info.st_mode) && !S_ISCHR(info.st_mode)) {
    return InvalidArgument(node + " is no device");
  }
  Change change;
  change.block = S_ISBLK(info.st_mode);
  change.from = {device->major(), device->minor()};
  change.to = {gnu_dev_major(info.st_rdev), gnu_dev_minor(info.st_rdev)};
  device->set_major(change.to.major);
  device->set_minor(change.to.minor);
  device->set_type(change.block ? "b" : "c");
  return change;
}

// Every rule once, by the numbers it came with: the new ones of one device may be the old ones
// of another.
void PutRules(const std::vector<Change>& changes, grpc::Spec* spec) {
  if (!spec->linux().has_resources()) return;
  for (grpc::LinuxDeviceCgroup& rule :
       *spec->mutable_linux()->mutable_resources()->mutable_devices()) {
    for (const Change& change : changes) {
      const bool same_type = rule.type() == (change.block ? "b" : "c") || rule.type() == "a";
      if (!same_type || Numbers{rule.major(), rule.minor()} != change.from) continue;
      rule.set_major(change.to.major);
      rule.set_minor(change.to.minor);
      break;
    }
  }
}

Status Write(const std::string& file, const std::string& value) {
  return WriteFile(file, value).WithContext("cannot hand a PCI device to vfio");
}

// Gives the device to vfio-pci, whatever driver the guest's kernel chose.
Status BindVfio(const DeviceFinder& finder, const std::string& device) {
  const std::string address = device.substr(device.rfind('/') + 1);
  if (PathExists(finder.roots().sys + "/bus/pci/drivers/vfio-pci/" + address)) return OkStatus();
  SHOJI_RETURN_IF_ERROR(Write(device + "/driver_override", "vfio-pci"));
  if (PathExists(device + "/driver")) {
    SHOJI_RETURN_IF_ERROR(Write(device + "/driver/unbind", address));
  }
  return Write(finder.roots().sys + "/bus/pci/drivers_probe", address);
}

Result<std::string> IommuGroup(const std::string& device) {
  std::string target(4096, '\0');
  const ssize_t n = readlink((device + "/iommu_group").c_str(), target.data(), target.size());
  if (n < 0) return ErrnoStatus(errno, "PCI device " + device + " has no IOMMU group");
  target.resize(static_cast<std::size_t>(n));
  return target.substr(target.rfind('/') + 1);
}

// The node of the group that all these devices are in.
Result<std::string> VfioNode(const DeviceFinder& finder, const std::vector<std::string>& devices) {
  std::string group;
  for (const std::string& device : devices) {
    SHOJI_RETURN_IF_ERROR(BindVfio(finder, device));
    SHOJI_ASSIGN_OR_RETURN(std::string its, IommuGroup(device));
    if (!group.empty() && its != group) {
      return InvalidArgument("devices of one vfio device are in the IOMMU groups " + group +
                             " and " + its + " of the guest");
    }
    group = std::move(its);
  }
  if (group.empty()) return InvalidArgument("a vfio device has no options ADDRESS=PATH");
  return finder.roots().dev + "/vfio/" + group;
}

}  // namespace

std::vector<std::string> DeviceTypes() { return {std::begin(kTypes), std::end(kTypes)}; }

Result<std::vector<DeviceName>> NamesOfDevices(
    const google::protobuf::RepeatedPtrField<grpc::Device>& devices) {
  std::vector<DeviceName> names;
  for (const grpc::Device& device : devices) {
    SHOJI_RETURN_IF_ERROR(CheckDevice(device));
    if (IsVfio(device)) {
      SHOJI_RETURN_IF_ERROR(AddVfio(device, &names));
    } else {
      names.push_back({device.type(), IdOf(device)});
    }
  }
  return names;
}

Status PutDevices(const DeviceFinder& finder, const std::vector<std::string>& paths,
                  grpc::CreateContainerRequest* request) {
  std::vector<Change> changes;
  auto path = paths.begin();
  for (const grpc::Device& device : request->devices()) {
    const auto count = IsVfio(device) ? device.options_size() : 1;
    const std::vector<std::string> its(path, path + count);
    path += count;
    if (device.type() == "vfio-gk") continue;  // its own driver in the guest serves it
    SHOJI_ASSIGN_OR_RETURN(grpc::LinuxDevice * in_spec,
                           FindInSpec(device.container_path(), request->mutable_oci()));
    std::string node = its.empty() ? "" : its.front();
    if (IsVfio(device)) {
      SHOJI_ASSIGN_OR_RETURN(node, VfioNode(finder, its));
    }
    SHOJI_ASSIGN_OR_RETURN(const Change change, PutNode(node, in_spec));
    // The container looks for a group by its number.
    if (IsVfio(device)) in_spec->set_path("/dev/vfio/" + node.substr(node.rfind('/') + 1));
    changes.push_back(change);
  }
  PutRules(changes, request->mutable_oci());
  return OkStatus();
}

}  // namespace shoji::agent
