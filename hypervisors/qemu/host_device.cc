#include "host_device.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "nic.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"

namespace shoji::qemu {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxTag = 36;  // what virtio-fs takes

std::string Text(const Json& json) {
  return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

// The last part of what a link points to; empty when there is none.
std::string LinkName(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t n = readlink(path.c_str(), target, sizeof(target));
  if (n <= 0) return {};
  const std::string text(target, static_cast<std::size_t>(n));
  return text.substr(text.rfind('/') + 1);
}

// "0000:03:00.0"
bool IsPciAddress(const std::string& text) {
  constexpr std::string_view kForm = "xxxx:xx:xx.x";
  if (text.size() != kForm.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool hex = std::isxdigit(static_cast<unsigned char>(text[i])) != 0;
    if (kForm[i] == 'x' ? !hex : text[i] != kForm[i]) return false;
  }
  return true;
}

bool IsMediated(const std::string& address) {
  return address.rfind("/sys/", 0) == 0 && address.find("/../") == std::string::npos;
}

Status CheckVfioGroup(const std::string& name, const std::string& dir, const std::string& root) {
  const std::string group = LinkName(dir + "/iommu_group");
  if (group.empty()) {
    return FailedPrecondition(name +
                              " is in no IOMMU group; switch the IOMMU on in the firmware "
                              "and with intel_iommu=on or amd_iommu=on");
  }
  if (PathExists(root + "dev/vfio/" + group)) return OkStatus();
  return FailedPrecondition("there is no /dev/vfio/" + group + " for " + name +
                            "; bind all devices of IOMMU group " + group + " to vfio-pci");
}

}  // namespace

Status CheckVsock(const std::string& id, const sdk::VsockDevice& vsock) {
  if (vsock.cid >= 3 && vsock.cid != UINT32_MAX) return OkStatus();
  return InvalidArgument("cid " + std::to_string(vsock.cid) + " of vsock device \"" + id +
                         "\" is reserved; give 3 or more");
}

Result<UniqueFd> OpenVhostVsock(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (fd) return fd;
  return FailedPrecondition("cannot open " + path + ": " + ErrnoStatus(errno, "").message() +
                            "; load vhost_vsock")
      .WithDetail("reason", "skip");
}

Status CheckVfio(const std::string& id, const sdk::VfioDevice& vfio, const std::string& root) {
  const std::string name = "vfio device \"" + id + "\" (" + vfio.address + ")";
  const bool mediated = IsMediated(vfio.address);
  if (!mediated && !IsPciAddress(vfio.address)) {
    return InvalidArgument("address of " + name +
                           " is neither like 0000:03:00.0 nor a path below /sys");
  }
  const std::string dir =
      root + (mediated ? vfio.address.substr(1) : "sys/bus/pci/devices/" + vfio.address);
  if (!PathExists(dir)) return NotFound(name + " does not exist in this machine");
  if (const std::string driver = LinkName(dir + "/driver"); !mediated && driver != "vfio-pci") {
    return FailedPrecondition(name + " has " +
                              (driver.empty() ? "no driver" : "driver \"" + driver + "\"") +
                              "; bind it to vfio-pci");
  }
  return CheckVfioGroup(name, dir, root);
}

Status CheckVhostUser(const std::string& id, const sdk::VhostUserDevice& device) {
  const std::string name = "vhost-user device \"" + id + "\"";
  constexpr std::string_view kTypes[] = {"blk", "scsi", "net", "fs"};
  if (std::find(std::begin(kTypes), std::end(kTypes), device.type) == std::end(kTypes)) {
    return InvalidArgument("type \"" + device.type + "\" of " + name +
                           " is unknown; allowed are blk, scsi, net, fs");
  }
  if (device.type == "fs" && (device.tag.empty() || device.tag.size() > kMaxTag)) {
    return InvalidArgument("tag \"" + device.tag + "\" of " + name + " is not 1 to " +
                           std::to_string(kMaxTag) + " bytes");
  }
  if (device.type == "net") SHOJI_RETURN_IF_ERROR(CheckMac(id, device.mac));
  struct stat info {};
  if (device.socket.empty() || stat(device.socket.c_str(), &info) < 0) {
    return NotFound("socket \"" + device.socket + "\" of " + name + " does not exist");
  }
  if (S_ISSOCK(info.st_mode)) return OkStatus();
  return InvalidArgument("socket \"" + device.socket + "\" of " + name + " is no socket");
}

std::string ChardevName(const std::string& id) { return "c-" + id; }

void AddVhostUserBackend(const std::string& id, const sdk::VhostUserDevice& device, Plan& plan) {
  const std::string chardev = ChardevName(id);
  const Json address = {{"type", "unix"}, {"data", {{"path", device.socket}}}};
  const Json add = {
      {"id", chardev},
      {"backend", {{"type", "socket"}, {"data", {{"addr", address}, {"server", false}}}}}};
  const Json undo = {{"id", chardev}};
  plan.Add("chardev-add", Text(add), "chardev-remove", Text(undo));
  if (device.type != "net") return;
  const Json netdev = {{"type", "vhost-user"}, {"id", NetdevName(id)}, {"chardev", chardev}};
  const Json undo_netdev = {{"id", NetdevName(id)}};
  plan.Add("netdev_add", Text(netdev), "netdev_del", Text(undo_netdev));
}

bool IsMemoryShared(const std::string& query_memdev) {
  const Json list = Json::parse(query_memdev, nullptr, /*allow_exceptions=*/false);
  if (!list.is_array() || list.empty()) return false;
  return std::all_of(list.begin(), list.end(), [](const Json& one) {
    const auto share = one.is_object() ? one.find("share") : one.end();
    return one.is_object() && share != one.end() && share->is_boolean() && share->get<bool>();
  });
}

}  // namespace shoji::qemu
