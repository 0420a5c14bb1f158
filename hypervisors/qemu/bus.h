// Where devices go, and how a name in QEMU says which device of ours it is.
//
// Purpose  A device's name within QEMU carries its kind, its place, a fingerprint of what it was
//          made from, and its id: "b05-9ae1...-disk". So QEMU itself is the record: any handle,
//          also of another process after a crash, knows from one query what is attached, where,
//          and whether it is what it is asked for.
// Threads  Values and pure functions.
// Example  SHOJI_ASSIGN_OR_RETURN(Inventory there, Inventory::Parse(answer_of_qom_list));
#ifndef SHOJI_HYPERVISORS_QEMU_BUS_H_
#define SHOJI_HYPERVISORS_QEMU_BUS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shoji/status.h"

namespace shoji::qemu {

enum class MachineKind { kQ35, kPc, kMicrovm, kOther };

// Of the option hypervisor.qemu.machine: "q35", "pc-q35-7.2,hpet=off", "microvm", ...
MachineKind KindOf(const std::string& machine);
// Devices can be attached while it runs.
bool CanHotplug(MachineKind kind);

// All devices of ours are behind one bridge: one that each agent of Kata knows, whose guest side
// is ACPI, which lets go of a device at once (native hotplug waits five seconds).
inline constexpr char kBridge[] = "pci-bridge-0";
inline constexpr unsigned kBridgeSlot = 2;
inline constexpr unsigned kLastSlot = 31;
inline constexpr unsigned kLastTarget = 255;  // of the SCSI controller
// virtio-mmio transports of a microvm; QEMU's own devices get the lowest ones.
inline constexpr unsigned kLastTransport = 11;

// Kinds of devices in names.
inline constexpr char kDisk = 'b';
inline constexpr char kScsiDisk = 's';
inline constexpr char kScsiController = 'c';
inline constexpr char kNic = 'n';
inline constexpr char kVsock = 'v';
inline constexpr char kVfio = 'h';
inline constexpr char kVhostUser = 'u';

struct Plugged {
  char kind = kDisk;
  unsigned place = 0;  // slot behind the bridge; SCSI target; virtio-mmio transport
  std::string fingerprint;
  std::string id;

  std::string Name() const;
};

// What a device is made from, in 16 characters.
std::string Fingerprint(std::string_view content);

class Inventory {
 public:
  // Of what qom-list says about /machine/peripheral.
  static Result<Inventory> Parse(const std::string& qom_list);

  const Plugged* Find(std::string_view id) const;
  const Plugged* ScsiController() const;
  // The first place nobody has. RESOURCE_EXHAUSTED.
  Result<unsigned> FreeSlot() const;
  Result<unsigned> FreeTarget() const;
  // The lowest numbers last: those are QEMU's own.
  Result<unsigned> FreeTransport() const;
  void Add(Plugged device) { devices_.push_back(std::move(device)); }
  const std::vector<Plugged>& devices() const { return devices_; }

 private:
  bool Taken(bool scsi, unsigned place) const;

  std::vector<Plugged> devices_;
};

// Is there a name in what qom-list says?
bool HasChild(const std::string& qom_list, const std::string& name);
std::vector<std::string> ChildNames(const std::string& qom_list);

}  // namespace shoji::qemu

#endif  // SHOJI_HYPERVISORS_QEMU_BUS_H_
