#include "hotplug.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "block.h"
#include "device.h"
#include "host_device.h"
#include "plan.h"

namespace shoji::qemu {
namespace {

using Json = nlohmann::json;
using std::chrono::seconds;

// A guest that was asked before its kernel listened has forgotten it: it is asked again.
constexpr seconds kAskAgain{3};
constexpr seconds kUndoLimit{5};

std::string Text(const Json& json) {
  return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

std::string DeviceOf(const QmpEvent& event) {
  const Json data = Json::parse(event.data, nullptr, /*allow_exceptions=*/false);
  const auto device = data.is_object() ? data.find("device") : data.end();
  const bool named = data.is_object() && device != data.end() && device->is_string();
  return named ? device->get<std::string>() : std::string();
}

bool IsRefusal(const QmpEvent& event) {
  return event.name == "DEVICE_UNPLUG_GUEST_ERROR" || event.name == "MEM_UNPLUG_ERROR";
}

// What QEMU says of a device whose guest was asked already.
bool IsUnderWay(const Status& status) {
  return status.message().find("in the process of unplug") != std::string::npos;
}

// The device is not there, which is what was wanted.
bool IsAbsent(const Status& status) {
  const std::string& text = status.message();
  return status.code() == StatusCode::kNotFound || text.find("not found") != std::string::npos ||
         text.find("Cannot find") != std::string::npos ||
         text.find("Failed to find") != std::string::npos;
}

Status StillThere(const std::string& name) {
  return DeadlineExceeded("the guest does not let go of device " + name +
                          "; it is attached still, detach it again when it is not in use");
}

}  // namespace

Result<std::string> ListPeripherals(QmpClient& qmp, const QmpLimit& limit) {
  return qmp.Execute("qom-list", R"({"path":"/machine/peripheral"})", limit);
}

Status Unplug(QmpClient& qmp, const std::string& name, const QmpLimit& limit) {
  const auto of_device = [&name](const QmpEvent& event) {
    return (event.name == "DEVICE_DELETED" || IsRefusal(event)) && DeviceOf(event) == name;
  };
  const std::string arguments = Text(Json{{"id", name}});
  bool fresh = false;
  for (;;) {
    // The list is the truth; events only say when to look.
    SHOJI_ASSIGN_OR_RETURN(const std::string list, ListPeripherals(qmp, limit));
    if (!HasChild(list, name)) return OkStatus();
    if (limit.deadline.passed()) return StillThere(name);
    if (!fresh) qmp.ForgetEvents(of_device);  // of another one that had this name
    fresh = true;
    const Status asked = qmp.Execute("device_del", arguments, limit).status();
    if (!asked.ok() && !IsAbsent(asked) && !IsUnderWay(asked)) return asked;
    const QmpLimit wait{Deadline::After(kAskAgain).Min(limit.deadline), limit.cancel_fd};
    const auto event = qmp.WaitEventIf(of_device, wait);
    if (event.ok() && IsRefusal(*event)) {
      return FailedPrecondition("the guest refuses to let go of device " + name);
    }
    if (event.ok() || event.status().code() == StatusCode::kDeadlineExceeded) {
      if (!event.ok() && limit.deadline.passed()) return StillThere(name);
      continue;
    }
    return event.status();
  }
}

Result<Inventory> Hotplug::List() {
  SHOJI_ASSIGN_OR_RETURN(const std::string list, ListPeripherals(qmp_, limit_));
  return Inventory::Parse(list);
}

Result<std::string> Hotplug::Answer(const sdk::HotplugDevice& device, const Plugged& plugged,
                                    const Inventory& inventory) const {
  if (plugged.fingerprint != FingerprintOf(device)) {
    return AlreadyExists("the VM has a device \"" + device.id +
                         "\" made from something else; detach it first or choose another id");
  }
  // Disks of a microvm are named in the order of their transports.
  const auto before = std::count_if(inventory.devices().begin(), inventory.devices().end(),
                                    [&plugged](const Plugged& other) {
                                      return other.kind == kDisk && other.place > plugged.place;
                                    });
  return AnswerOf(device, plugged, machine_, static_cast<unsigned>(before));
}

Status Hotplug::CheckSharedMemory(const sdk::HotplugDevice& device) {
  if (!NeedsSharedMemory(device)) return OkStatus();
  SHOJI_ASSIGN_OR_RETURN(const std::string memory, qmp_.Execute("query-memdev", "", limit_));
  if (IsMemoryShared(memory)) return OkStatus();
  return FailedPrecondition("vhost-user device \"" + device.id +
                            "\" needs a VM whose memory is a shared file; make the VM with one");
}

// Success of what is absent; the first other failure otherwise.
Status Hotplug::CleanUp(char kind, const std::string& id, bool* found) {
  Status first;
  const Plan rest = LeftBehind(kind, id);
  for (const Step& step : rest.steps()) {
    Status done = qmp_.Execute(step.command, step.arguments, limit_).status();
    if (done.ok() && found != nullptr) *found = true;
    if (!done.ok() && !IsAbsent(done) && first.ok()) first = std::move(done);
  }
  return first;
}

Status Hotplug::Plug(const sdk::HotplugDevice& device, Inventory& inventory) {
  SHOJI_ASSIGN_OR_RETURN(const Prepared ready, PrepareDevice(device, machine_, Plan(), inventory));
  const Status plugged = RunPlan(qmp_, ready.plan, limit_);
  if (!IsOpen(plugged)) return plugged;
  // The caller's time is over, but QEMU may carry out the last command all the same.
  Hotplug undo(qmp_, machine_, {Deadline::After(kUndoLimit)});
  [[maybe_unused]] const Status undone = undo.Detach(device.id);
  return plugged;
}

Result<std::string> Hotplug::Attach(const sdk::HotplugDevice& device) {
  SHOJI_ASSIGN_OR_RETURN(Inventory inventory, List());
  if (const Plugged* there = inventory.Find(device.id)) return Answer(device, *there, inventory);
  if (!CanHotplug(machine_)) {
    return Unimplemented("this machine type takes no device while it runs; give device \"" +
                         device.id +
                         "\" when the VM is made, or set hypervisor.qemu.machine to "
                         "q35");
  }
  SHOJI_RETURN_IF_ERROR(CheckDevice(device, machine_));
  SHOJI_RETURN_IF_ERROR(CheckSharedMemory(device));
  const Inventory before = inventory;
  Status plugged = Plug(device, inventory);
  bool found = false;
  // Whoever died in the middle of attaching or detaching it may have left a part.
  if (!plugged.ok() && !IsOpen(plugged) && CleanUp('\0', device.id, &found).ok() && found) {
    inventory = before;
    plugged = Plug(device, inventory);
  }
  SHOJI_RETURN_IF_ERROR(std::move(plugged).WithContext("device \"" + device.id + "\""));
  return Answer(device, *inventory.Find(device.id), inventory);
}

Status Hotplug::Detach(std::string_view id) {
  SHOJI_ASSIGN_OR_RETURN(const Inventory inventory, List());
  const Plugged* there = inventory.Find(id);
  if (there == nullptr) {
    return CanHotplug(machine_) ? CleanUp('\0', std::string(id)) : OkStatus();
  }
  if (!CanHotplug(machine_)) {
    return Unimplemented("this machine type keeps device \"" + there->id + "\" until it ends");
  }
  SHOJI_RETURN_IF_ERROR(Unplug(qmp_, there->Name(), limit_));
  return CleanUp(there->kind, there->id);
}

Status Hotplug::LimitBlock(std::string_view id, const sdk::BlockLimits* limits) {
  SHOJI_ASSIGN_OR_RETURN(const Inventory inventory, List());
  const Plugged* there = inventory.Find(id);
  if (there == nullptr || (there->kind != kDisk && there->kind != kScsiDisk)) {
    return NotFound("the VM has no block device \"" + std::string(id) + "\"");
  }
  const sdk::BlockLimits wanted = limits == nullptr ? sdk::BlockLimits{} : *limits;
  SHOJI_RETURN_IF_ERROR(CheckLimits(there->id, wanted));
  const Json value = Json::parse(LimitsJson(wanted));
  const Json arguments = {
      {"path", "/objects/" + ThrottleName(there->id)}, {"property", "limits"}, {"value", value}};
  return qmp_.Execute("qom-set", Text(arguments), limit_).status();
}

}  // namespace shoji::qemu
