#include "device.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "block.h"
#include "host_device.h"
#include "nic.h"

namespace shoji::qemu {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxId = 64;
constexpr std::size_t kMaxSerial = 20;  // of a virtio disk

std::string Text(const Json& json) {
  return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

std::string Hex(unsigned value) {
  char text[16];
  snprintf(text, sizeof(text), "%02x", value);
  return text;
}

Status CheckId(const std::string& id) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
  };
  if (!id.empty() && id.size() <= kMaxId && std::all_of(id.begin(), id.end(), allowed)) {
    return OkStatus();
  }
  return InvalidArgument("id \"" + id + "\" of a device is not 1 to " + std::to_string(kMaxId) +
                         " characters of A-Z a-z 0-9 _ . -");
}

Status CannotAttach(const std::string& what, const std::string& advice) {
  return Unimplemented("hypervisor qemu cannot attach " + what + "; " + advice);
}

// Each of these says what is wrong with its kind of device.
struct Checker {
  const std::string& id;
  MachineKind machine;

  Status operator()(const sdk::BlockDevice& disk) const {
    SHOJI_RETURN_IF_ERROR(CheckBlock(id, disk));
    if (machine != MachineKind::kMicrovm || (disk.flags & SHOJI_BLOCK_SCSI) == 0) {
      return OkStatus();
    }
    return CannotAttach("SCSI disk \"" + id + "\" to a microvm", "leave the SCSI flag away");
  }
  Status operator()(const sdk::NicDevice& nic) const { return CheckNic(id, nic); }
  Status operator()(const sdk::VmShareConfig& share) const {
    return CannotAttach("share \"" + share.tag + "\" to a VM that runs over 9p",
                        "use virtio-fs, or give the share when the VM is made");
  }
  Status operator()(const sdk::VsockDevice& vsock) const {
    SHOJI_RETURN_IF_ERROR(OnPciOnly());
    return CheckVsock(id, vsock);
  }
  Status operator()(const sdk::VfioDevice& vfio) const {
    SHOJI_RETURN_IF_ERROR(OnPciOnly());
    return CheckVfio(id, vfio, "/");
  }
  Status operator()(const sdk::VhostUserDevice& device) const {
    SHOJI_RETURN_IF_ERROR(OnPciOnly());
    return CheckVhostUser(id, device);
  }

 private:
  Status OnPciOnly() const {
    if (machine != MachineKind::kMicrovm) return OkStatus();
    return CannotAttach("device \"" + id + "\" to a microvm, which has no PCI bus",
                        "set hypervisor.qemu.machine to q35");
  }
};

struct Content {
  std::string operator()(const sdk::BlockDevice& disk) const { return BlockContent(disk); }
  std::string operator()(const sdk::NicDevice& nic) const { return NicContent(nic); }
  std::string operator()(const sdk::VmShareConfig& share) const {
    return Text({"share", share.tag, share.host_path, share.read_only});
  }
  std::string operator()(const sdk::VsockDevice& vsock) const { return Text({"vsock", vsock.cid}); }
  std::string operator()(const sdk::VfioDevice& vfio) const { return Text({"vfio", vfio.address}); }
  std::string operator()(const sdk::VhostUserDevice& device) const {
    return Text({"vhost-user", device.type, device.socket, device.mac, device.tag});
  }
};

Json AtPlace(const std::string& driver, const Plugged& plugged, MachineKind machine) {
  if (machine == MachineKind::kMicrovm) {
    return {{"driver", driver + "-device"},
            {"id", plugged.Name()},
            {"bus", "virtio-mmio-bus." + std::to_string(plugged.place)}};
  }
  Json front = {{"driver", driver + "-pci"},
                {"id", plugged.Name()},
                {"bus", kBridge},
                {"addr", Hex(plugged.place)}};
  return front;
}

// Only what is virtio 1.0: no I/O ports, of which a bridge has few.
Json VirtioAtPlace(const std::string& driver, const Plugged& plugged, MachineKind machine) {
  Json front = AtPlace(driver, plugged, machine);
  if (machine != MachineKind::kMicrovm) front["disable-legacy"] = "on";
  return front;
}

void AddFront(const Json& front, Plan& plan) {
  const Json undo = {{"id", front.at("id")}};
  plan.Add("device_add", Text(front), "device_del", Text(undo));
}

// Makes the back end and the front end of each kind.
class Preparer {
 public:
  Preparer(const std::string& id, MachineKind machine, Inventory& inventory, Prepared& out)
      : id_(id), machine_(machine), inventory_(inventory), out_(out) {}

  Status operator()(const sdk::BlockDevice& disk) {
    AddBlockBackend(id_, disk, out_.plan);
    Json front;
    if ((disk.flags & SHOJI_BLOCK_SCSI) != 0) {
      SHOJI_ASSIGN_OR_RETURN(front, ScsiDisk());
    } else {
      SHOJI_ASSIGN_OR_RETURN(const Plugged plugged, TakeSlot(kDisk));
      front = VirtioAtPlace("virtio-blk", plugged, machine_);
    }
    front["drive"] = NodeName(id_);
    front["serial"] = id_.substr(0, kMaxSerial);
    if ((disk.flags & SHOJI_BLOCK_SHARED) != 0) front["share-rw"] = true;
    AddFront(front, out_.plan);
    return OkStatus();
  }
  Status operator()(const sdk::NicDevice& nic) {
    SHOJI_ASSIGN_OR_RETURN(const Plugged plugged, TakeSlot(kNic));
    AddNicBackend(id_, nic, out_.plan);
    Json front = VirtioAtPlace("virtio-net", plugged, machine_);
    const std::size_t queues = nic.tap_fds.size();
    front["netdev"] = NetdevName(id_);
    if (!nic.mac.empty()) front["mac"] = nic.mac;
    if (nic.mtu != 0) front["host_mtu"] = nic.mtu;
    if (queues > 1) front["mq"] = true;
    if (machine_ != MachineKind::kMicrovm) {
      front["romfile"] = "";
      if (queues > 1) front["vectors"] = 2 * queues + 2;
    }
    AddFront(front, out_.plan);
    return OkStatus();
  }
  Status operator()(const sdk::VmShareConfig&) {
    return Internal("a share is no device of this plugin");
  }
  Status operator()(const sdk::VsockDevice& vsock) {
    SHOJI_ASSIGN_OR_RETURN(const Plugged plugged, TakeSlot(kVsock));
    SHOJI_ASSIGN_OR_RETURN(UniqueFd vhost, OpenVhostVsock());
    Json front = VirtioAtPlace("vhost-vsock", plugged, machine_);
    front["guest-cid"] = vsock.cid;
    front["vhostfd"] = out_.plan.UseFd(vhost.get(), "vsock-" + id_);
    out_.owned.push_back(std::move(vhost));
    AddFront(front, out_.plan);
    return OkStatus();
  }
  Status operator()(const sdk::VfioDevice& vfio) {
    SHOJI_ASSIGN_OR_RETURN(const Plugged plugged, TakeSlot(kVfio));
    Json front = AtPlace("vfio", plugged, machine_);
    front[vfio.address[0] == '/' ? "sysfsdev" : "host"] = vfio.address;
    AddFront(front, out_.plan);
    return OkStatus();
  }
  Status operator()(const sdk::VhostUserDevice& device) {
    SHOJI_ASSIGN_OR_RETURN(const Plugged plugged, TakeSlot(kVhostUser));
    AddVhostUserBackend(id_, device, out_.plan);
    const bool net = device.type == "net";
    Json front = VirtioAtPlace(net ? "virtio-net" : "vhost-user-" + device.type, plugged, machine_);
    front[net ? "netdev" : "chardev"] = net ? NetdevName(id_) : ChardevName(id_);
    if (net) front["romfile"] = "";
    if (net && !device.mac.empty()) front["mac"] = device.mac;
    if (device.type == "fs") front["tag"] = device.tag;
    AddFront(front, out_.plan);
    return OkStatus();
  }

  std::string fingerprint;

 private:
  Plugged Take(char kind, unsigned place, const std::string& id, const std::string& print) {
    Plugged plugged{kind, place, print, id};
    inventory_.Add(plugged);
    out_.plugged.push_back(plugged);
    return plugged;
  }
  Result<Plugged> TakeSlot(char kind) {
    SHOJI_ASSIGN_OR_RETURN(const unsigned place, machine_ == MachineKind::kMicrovm
                                                     ? inventory_.FreeTransport()
                                                     : inventory_.FreeSlot());
    return Take(kind, place, id_, fingerprint);
  }
  // The controller comes with its first disk and stays: it costs a guest next to nothing.
  Result<std::string> Controller() {
    if (const Plugged* there = inventory_.ScsiController()) return there->Name();
    SHOJI_ASSIGN_OR_RETURN(const unsigned slot, inventory_.FreeSlot());
    const Plugged plugged = Take(kScsiController, slot, "scsi", Fingerprint("scsi"));
    AddFront(VirtioAtPlace("virtio-scsi", plugged, machine_), out_.plan);
    return plugged.Name();
  }
  Result<Json> ScsiDisk() {
    SHOJI_ASSIGN_OR_RETURN(const std::string controller, Controller());
    SHOJI_ASSIGN_OR_RETURN(const unsigned target, inventory_.FreeTarget());
    const Plugged plugged = Take(kScsiDisk, target, id_, fingerprint);
    return Json{{"driver", "scsi-hd"},
                {"id", plugged.Name()},
                {"bus", controller + ".0"},
                {"scsi-id", target},
                {"lun", 0}};
  }

  const std::string& id_;
  const MachineKind machine_;
  Inventory& inventory_;
  Prepared& out_;
};

}  // namespace

Status CheckDevice(const sdk::HotplugDevice& device, MachineKind machine) {
  SHOJI_RETURN_IF_ERROR(CheckId(device.id));
  return std::visit(Checker{device.id, machine}, device.detail);
}

std::string FingerprintOf(const sdk::HotplugDevice& device) {
  return Fingerprint(std::visit(Content{}, device.detail));
}

Result<Prepared> PrepareDevice(const sdk::HotplugDevice& device, MachineKind machine, Plan plan,
                               Inventory& inventory) {
  Prepared prepared;
  prepared.plan = std::move(plan);
  Preparer preparer(device.id, machine, inventory, prepared);
  preparer.fingerprint = FingerprintOf(device);
  SHOJI_RETURN_IF_ERROR(std::visit(preparer, device.detail));
  return prepared;
}

std::string AnswerOf(const sdk::HotplugDevice& device, const Plugged& plugged, MachineKind machine,
                     unsigned disks_before) {
  Json answer = Json::object();
  if (plugged.kind == kScsiDisk) {
    answer["scsi_addr"] = std::to_string(plugged.place) + ":0";
  } else if (machine != MachineKind::kMicrovm) {
    answer["pci_path"] = Hex(kBridgeSlot) + "/" + Hex(plugged.place);
  } else if (plugged.kind == kDisk && disks_before < 26) {
    answer["path"] = std::string("/dev/vd") + static_cast<char>('a' + disks_before);
  }
  if (const auto* vsock = std::get_if<sdk::VsockDevice>(&device.detail)) {
    answer["cid"] = vsock->cid;
  }
  if (const auto* served = std::get_if<sdk::VhostUserDevice>(&device.detail)) {
    if (served->type == "fs") answer["mount_tag"] = served->tag;
  }
  return Text(answer);
}

bool NeedsSharedMemory(const sdk::HotplugDevice& device) {
  return std::holds_alternative<sdk::VhostUserDevice>(device.detail);
}

Plan LeftBehind(char kind, const std::string& id) {
  const Json node = {{"node-name", NodeName(id)}};
  const Json group = {{"id", ThrottleName(id)}};
  const Json netdev = {{"id", NetdevName(id)}};
  const Json chardev = {{"id", ChardevName(id)}};
  Plan plan;
  const auto is = [kind](std::string_view kinds) {
    return kind == '\0' || kinds.find(kind) != std::string_view::npos;
  };
  if (is("bs")) plan.Add("blockdev-del", Text(node));
  if (is("bs")) plan.Add("object-del", Text(group));
  if (is("nu")) plan.Add("netdev_del", Text(netdev));
  if (is("u")) plan.Add("chardev-remove", Text(chardev));
  return plan;
}

}  // namespace shoji::qemu
