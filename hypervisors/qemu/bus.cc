#include "bus.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace shoji::qemu {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kKinds = "bscnvhu";
constexpr std::size_t kFingerprint = 16;
constexpr std::size_t kIdAt = 3 + 1 + kFingerprint + 1;  // "b05-" FINGERPRINT "-"
constexpr char kHex[] = "0123456789abcdef";

bool IsHex(std::string_view text) { return text.find_first_not_of(kHex) == std::string_view::npos; }

unsigned HexValue(char digit) { return static_cast<unsigned>(std::string_view(kHex).find(digit)); }

std::optional<Plugged> ParseName(std::string_view name) {
  if (name.size() <= kIdAt || kKinds.find(name[0]) == std::string_view::npos) return std::nullopt;
  const std::string_view fingerprint = name.substr(4, kFingerprint);
  const bool ours =
      IsHex(name.substr(1, 2)) && name[3] == '-' && IsHex(fingerprint) && name[kIdAt - 1] == '-';
  if (!ours) return std::nullopt;
  return Plugged{name[0], HexValue(name[1]) * 16 + HexValue(name[2]), std::string(fingerprint),
                 std::string(name.substr(kIdAt))};
}

}  // namespace

MachineKind KindOf(const std::string& machine) {
  const std::string type = machine.substr(0, machine.find(','));
  if (type == "q35" || type.rfind("pc-q35", 0) == 0) return MachineKind::kQ35;
  if (type == "pc" || type.rfind("pc-i440fx", 0) == 0) return MachineKind::kPc;
  if (type == "microvm") return MachineKind::kMicrovm;
  return MachineKind::kOther;
}

bool CanHotplug(MachineKind kind) { return kind == MachineKind::kQ35 || kind == MachineKind::kPc; }

std::string Fingerprint(std::string_view content) {
  std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a
  for (const char c : content) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  char text[kFingerprint + 1];
  snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

std::string Plugged::Name() const {
  char head[8];
  snprintf(head, sizeof(head), "%c%02x-", kind, place & 0xffU);
  return head + fingerprint + "-" + id;
}

std::vector<std::string> ChildNames(const std::string& qom_list) {
  std::vector<std::string> names;
  const Json json = Json::parse(qom_list, nullptr, /*allow_exceptions=*/false);
  if (!json.is_array()) return names;
  for (const Json& entry : json) {
    if (!entry.is_object()) continue;
    const auto name = entry.find("name");
    if (name != entry.end() && name->is_string()) names.push_back(name->get<std::string>());
  }
  return names;
}

bool HasChild(const std::string& qom_list, const std::string& name) {
  const std::vector<std::string> names = ChildNames(qom_list);
  return std::find(names.begin(), names.end(), name) != names.end();
}

Result<Inventory> Inventory::Parse(const std::string& qom_list) {
  if (!Json::parse(qom_list, nullptr, /*allow_exceptions=*/false).is_array()) {
    return DataLoss("QEMU's list of devices is none: " + qom_list.substr(0, 80));
  }
  Inventory inventory;
  for (const std::string& name : ChildNames(qom_list)) {
    if (auto device = ParseName(name)) inventory.Add(std::move(*device));
  }
  return inventory;
}

const Plugged* Inventory::Find(std::string_view id) const {
  const auto it = std::find_if(devices_.begin(), devices_.end(), [id](const Plugged& device) {
    return device.kind != kScsiController && device.id == id;
  });
  return it == devices_.end() ? nullptr : &*it;
}

const Plugged* Inventory::ScsiController() const {
  const auto it = std::find_if(devices_.begin(), devices_.end(), [](const Plugged& device) {
    return device.kind == kScsiController;
  });
  return it == devices_.end() ? nullptr : &*it;
}

bool Inventory::Taken(bool scsi, unsigned place) const {
  return std::any_of(devices_.begin(), devices_.end(), [=](const Plugged& device) {
    return (device.kind == kScsiDisk) == scsi && device.place == place;
  });
}

Result<unsigned> Inventory::FreeSlot() const {
  // Slot 0 of a bridge is that of its own hotplug controller.
  for (unsigned slot = 1; slot <= kLastSlot; ++slot) {
    if (!Taken(/*scsi=*/false, slot)) return slot;
  }
  return ResourceExhausted("the VM has " + std::to_string(kLastSlot) +
                           " devices and no slot for another one; detach one, or put disks on the "
                           "SCSI bus");
}

Result<unsigned> Inventory::FreeTarget() const {
  for (unsigned target = 0; target <= kLastTarget; ++target) {
    if (!Taken(/*scsi=*/true, target)) return target;
  }
  return ResourceExhausted("the VM's SCSI bus is full with " + std::to_string(kLastTarget + 1) +
                           " disks");
}

Result<unsigned> Inventory::FreeTransport() const {
  for (unsigned transport = kLastTransport + 1; transport-- > 0;) {
    if (!Taken(/*scsi=*/false, transport)) return transport;
  }
  return ResourceExhausted("a microvm takes no more than " + std::to_string(kLastTransport + 1) +
                           " devices; choose machine q35");
}

}  // namespace shoji::qemu
