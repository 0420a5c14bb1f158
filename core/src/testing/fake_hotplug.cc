#include "testing/fake_hotplug.h"

#include <algorithm>
#include <cstdio>

#include "plugin/device_arg.h"
#include "plugin/error.h"
#include "plugin/slots.h"
#include "shoji/plugin/agent_ext.h"
#include "shoji/plugin/hypervisor_hotplug.h"
#include "testing/fake_plugins.h"

namespace shoji::testing {
namespace {

std::string Text(shoji_str text) {
  return text.size == 0 ? std::string() : std::string(text.data, text.size);
}
std::int32_t Put(const shoji_sink* sink, const std::string& text) {
  return sink->write(sink->ctx, text.data(), text.size());
}
std::int32_t Fail(shoji_error* error, std::int32_t code, const std::string& message) {
  SetError(error, code, 0, ToStr(message));
  return code;
}

// Handles of the fakes begin with their world.
template <typename Handle>
FakeWorld& WorldOf(Handle* handle) {
  return **reinterpret_cast<FakeWorld**>(handle);
}

#define ENTER(world, slot, error) \
  if (const std::int32_t entered = (world).Enter(slot, error); entered != 0) return entered

// ---- VM ----------------------------------------------------------------------------

std::int32_t Attach(shoji_vm* vm, const shoji_call*, const shoji_device* device,
                    const shoji_sink* out, shoji_error* error) {
  ENTER(WorldOf(vm), "vm.attach_device", error);
  std::string json;
  if (WorldOf(vm).machine().Attach(*device, &json) != SHOJI_OK) {
    return Fail(error, SHOJI_ALREADY_EXISTS, "the device is there with other content");
  }
  return Put(out, json);
}
std::int32_t Detach(shoji_vm* vm, const shoji_call*, shoji_str id, shoji_error* error) {
  ENTER(WorldOf(vm), "vm.detach", error);
  WorldOf(vm).machine().Detach(Text(id));
  return SHOJI_OK;
}
std::int32_t LimitBlock(shoji_vm* vm, const shoji_call*, shoji_str id,
                        const shoji_block_limits* limits, shoji_error* error) {
  ENTER(WorldOf(vm), "vm.limit_block", error);
  const std::uint64_t bytes = limits == nullptr ? 0 : limits->bytes_per_s;
  return WorldOf(vm).machine().SetLimit(Text(id), bytes) ? SHOJI_OK
                                                         : Fail(error, SHOJI_NOT_FOUND, "no disk");
}
constexpr shoji_hypervisor_hotplug_v1 kHotplug = {sizeof(shoji_hypervisor_hotplug_v1), 0, Attach,
                                                  Detach, LimitBlock};

void ToRaw(const VmSize& size, shoji_vm_size* out) {
  out->vcpus = size.vcpus;
  out->max_vcpus = size.max_vcpus;
  out->memory_bytes = size.memory_bytes;
  out->max_memory_bytes = size.max_memory_bytes;
  out->probe_address = size.probe_address;
}
std::int32_t GetSize(shoji_vm* vm, const shoji_call*, shoji_vm_size* out, shoji_error* error) {
  ENTER(WorldOf(vm), "vm.size", error);
  ToRaw(WorldOf(vm).machine().Size(), out);
  return SHOJI_OK;
}
std::int32_t SetVcpus(shoji_vm* vm, const shoji_call*, std::uint32_t vcpus, shoji_vm_size* out,
                      shoji_error* error) {
  ENTER(WorldOf(vm), "vm.set_vcpus", error);
  ToRaw(WorldOf(vm).machine().SetVcpus(vcpus), out);
  return SHOJI_OK;
}
std::int32_t SetMemory(shoji_vm* vm, const shoji_call*, std::uint64_t bytes, std::uint64_t block,
                       shoji_vm_size* out, shoji_error* error) {
  ENTER(WorldOf(vm), "vm.set_memory", error);
  ToRaw(WorldOf(vm).machine().SetMemory(bytes, block), out);
  return SHOJI_OK;
}
constexpr shoji_hypervisor_resize_v1 kResize = {sizeof(shoji_hypervisor_resize_v1), 0, GetSize,
                                                SetVcpus, SetMemory};

std::int32_t ShareMount(shoji_vm* vm, shoji_str, const shoji_sink* out, shoji_error* error) {
  ENTER(WorldOf(vm), "vm.share_mount", error);
  return Put(out, WorldOf(vm).machine().ShareText());
}
constexpr shoji_hypervisor_shares_v1 kShares = {sizeof(shoji_hypervisor_shares_v1), 0, ShareMount};

// ---- guest -------------------------------------------------------------------------

std::int32_t UpdateInterface(shoji_agent* agent, const shoji_call*, shoji_str json,
                             const shoji_sink* out, shoji_error* error) {
  WorldOf(agent).machine().Note("update_interface " + Text(json));
  ENTER(WorldOf(agent), "agent.update_interface", error);
  return Put(out, Text(json));
}
std::int32_t UpdateRoutes(shoji_agent* agent, const shoji_call*, shoji_str json,
                          const shoji_sink* out, shoji_error* error) {
  WorldOf(agent).machine().Note("update_routes " + Text(json));
  ENTER(WorldOf(agent), "agent.update_routes", error);
  return Put(out, Text(json));
}
std::int32_t ListInterfaces(shoji_agent* agent, const shoji_call*, const shoji_sink* out,
                            shoji_error* error) {
  ENTER(WorldOf(agent), "agent.list_interfaces", error);
  return Put(out, R"([{"device":"lo","name":"lo","hwAddr":"00:00:00:00:00:00"},
      {"device":"in0","name":"in0","hwAddr":")" +
                      FakeMac("eth0") + R"(","mtu":"1500"}])");
}
std::int32_t ListRoutes(shoji_agent* agent, const shoji_call*, const shoji_sink* out,
                        shoji_error* error) {
  ENTER(WorldOf(agent), "agent.list_routes", error);
  return Put(out, R"([{"dest":"","gateway":"10.0.0.1","device":"eth0"}])");
}
std::int32_t AddNeighbors(shoji_agent* agent, const shoji_call*, shoji_str json,
                          shoji_error* error) {
  WorldOf(agent).machine().Note("add_neighbors " + Text(json));
  return WorldOf(agent).Enter("agent.add_neighbors", error);
}
constexpr shoji_agent_network_v1 kNetworkOfGuest = {sizeof(shoji_agent_network_v1),
                                                    0,
                                                    UpdateInterface,
                                                    UpdateRoutes,
                                                    ListInterfaces,
                                                    ListRoutes,
                                                    AddNeighbors};

std::int32_t Online(shoji_agent* agent, const shoji_call*, std::uint32_t cpus, std::uint32_t,
                    shoji_error* error) {
  WorldOf(agent).machine().Note("online " + std::to_string(cpus));
  if (cpus == 0) return Fail(error, SHOJI_INVALID_ARGUMENT, "nb_cpus is 0");
  return WorldOf(agent).Enter("agent.online", error);
}
std::int32_t Probe(shoji_agent* agent, const shoji_call*, const std::uint64_t*, std::uint32_t count,
                   shoji_error* error) {
  WorldOf(agent).machine().Note("probe " + std::to_string(count));
  return WorldOf(agent).Enter("agent.probe", error);
}
constexpr shoji_agent_hotplug_v1 kHotplugOfGuest = {sizeof(shoji_agent_hotplug_v1), 0, Online,
                                                    Probe};

std::int32_t Update(shoji_agent* agent, const shoji_call*, shoji_str id, shoji_str json,
                    shoji_error* error) {
  WorldOf(agent).machine().Note("update " + Text(id) + " " + Text(json));
  return WorldOf(agent).Enter("agent.update_container", error);
}
constexpr shoji_agent_update_v1 kUpdate = {sizeof(shoji_agent_update_v1), 0, Update};

// ---- network -----------------------------------------------------------------------

struct FakeLink {
  FakeWorld* world;
  std::vector<std::string> names;  // what handed-out views point to
};
FakeLink* LinkOf(shoji_network_link* link) { return reinterpret_cast<FakeLink*>(link); }

// Texts that a struct may point to; few enough to keep them all.
const char* Keep(const std::string& text) {
  static Mutex mutex;
  static auto* const kept = new std::map<std::string, int>();
  const MutexLock lock(mutex);
  return kept->emplace(text, 0).first->first.c_str();
}

void FillNic(const std::string& name, shoji_nic* out) {
  out->queues = 1;
  out->id = ToStr(Keep(name));
  out->mac = ToStr(Keep(FakeMac(name)));
  out->mtu = 1500;
  out->tap_fds[0] = out->vhost_fds[0] = -1;
}

shoji_network_link* NewLink(FakeWorld& world) {
  world.Made("link");
  return reinterpret_cast<shoji_network_link*>(new FakeLink{&world, {}});
}
void CloseLink(shoji_network_link* link) {
  WorldOf(link).Gone("link");
  delete LinkOf(link);
}
std::int32_t Join(shoji_network* network, const shoji_call*, const shoji_network_params*,
                  shoji_network_link** out, shoji_error* error) {
  auto& world = *reinterpret_cast<FakeWorld*>(network);
  ENTER(world, "network.join", error);
  if (!world.machine().Join()) return Fail(error, SHOJI_ALREADY_EXISTS, "joined already");
  *out = NewLink(world);
  return SHOJI_OK;
}
std::int32_t GetNic(shoji_network_link* link, std::uint32_t index, shoji_nic* out) {
  const auto nics = WorldOf(link).machine().Nics();
  if (index >= nics.size()) return SHOJI_OUT_OF_RANGE;
  FillNic(nics[index], out);
  return SHOJI_OK;
}
std::int32_t GuestConfig(shoji_network_link* link, const shoji_call*, const shoji_sink* out,
                         shoji_error* error) {
  ENTER(WorldOf(link), "network.guest_config", error);
  std::string interfaces;
  for (const std::string& name : WorldOf(link).machine().Nics()) {
    interfaces += (interfaces.empty() ? "" : ",");
    interfaces += R"({"device":")" + name + R"(","name":")" + name + R"(","hwAddr":")" +
                  FakeMac(name) +
                  R"(","mtu":1500,"IPAddresses":[{"address":"10.0.0.2","mask":"24"}]})";
  }
  return Put(out, R"({"interfaces":[)" + interfaces +
                      R"(],"routes":[{"dest":"","gateway":"10.0.0.1","device":"eth0"}],)"
                      R"("neighbors":[{"device":"eth0"}]})");
}
std::int32_t Limit(shoji_network_link* link, const shoji_call*, shoji_str id,
                   const shoji_network_limits* limits, shoji_error* error) {
  ENTER(WorldOf(link), "network.limit", error);
  WorldOf(link).machine().Note("limit " + Text(id) + " " + std::to_string(limits->rx_bytes_per_s) +
                               " " + std::to_string(limits->tx_bytes_per_s));
  return SHOJI_OK;
}
std::int32_t SaveState(shoji_network_link* link, const shoji_sink* out, shoji_error* error) {
  ENTER(WorldOf(link), "network.save_state", error);
  std::string state = "joined";
  for (const std::string& name : WorldOf(link).machine().Nics()) state += " " + name;
  return Put(out, state);
}
std::int32_t AttachLink(shoji_network* network, const shoji_call*, shoji_str,
                        shoji_network_link** out, shoji_error* error) {
  auto& world = *reinterpret_cast<FakeWorld*>(network);
  ENTER(world, "network.attach", error);
  *out = NewLink(world);
  return SHOJI_OK;
}
std::int32_t Leave(shoji_network_link* link, const shoji_call*, shoji_error* error) {
  FakeWorld& world = WorldOf(link);
  const std::int32_t entered = world.Enter("network.leave", error);
  world.machine().Leave();
  CloseLink(link);
  return entered;
}
std::int32_t AddNic(shoji_network_link* link, const shoji_call*, shoji_str name, shoji_nic* out,
                    shoji_error* error) {
  ENTER(WorldOf(link), "network.add", error);
  if (!WorldOf(link).machine().AddNic(Text(name))) {
    return Fail(error, SHOJI_ALREADY_EXISTS, "joined already");
  }
  FillNic(Text(name), out);
  return SHOJI_OK;
}
std::int32_t RemoveNic(shoji_network_link* link, const shoji_call*, shoji_str id,
                       shoji_error* error) {
  ENTER(WorldOf(link), "network.remove", error);
  WorldOf(link).machine().RemoveNic(Text(id));
  return SHOJI_OK;
}
constexpr shoji_network_interface_v1 kInterface = {sizeof(shoji_network_interface_v1), 0, AddNic,
                                                   RemoveNic};
const void* LinkExtension(shoji_network_link*, const char* id) {
  return std::string(id) == SHOJI_NETWORK_INTERFACE_V1 ? &kInterface : nullptr;
}
void CloseNetwork(shoji_network*) {}
shoji_network_v1 NetworkTable() {
  shoji_network_v1 table = {};
  table.struct_size = sizeof(table);
  table.close = CloseNetwork;
  table.join = Join;
  table.nic = GetNic;
  table.guest_config = GuestConfig;
  table.limit = Limit;
  table.save_state = SaveState;
  table.attach = AttachLink;
  table.close_link = CloseLink;
  table.leave = Leave;
  table.get_extension = LinkExtension;
  return table;
}
const shoji_network_v1 kNetwork = NetworkTable();

std::string ContentOf(const shoji_device& device) {
  std::string out = std::to_string(device.kind);
  if (device.kind == SHOJI_DEVICE_BLOCK) {
    const auto* block = static_cast<const shoji_block_device*>(device.detail);
    out += " " + Text(block->path) + " " + std::to_string(block->flags);
  }
  if (device.kind == SHOJI_DEVICE_NIC) {
    out += " " + Text(static_cast<const shoji_nic*>(device.detail)->mac);
  }
  return out;
}

}  // namespace

// ---- the machine -------------------------------------------------------------------

void FakeMachine::Boot(const VmConfig& config) {
  {
    const MutexLock lock(mutex_);
    devices_.clear();
    size_ = {config.vcpus, 8, config.memory_bytes, 1ULL << 40U, 0};
    calls_.push_back("boot");
    if (ignore_) return;
  }
  for (const VmDevice& device : config.devices) {
    const DeviceArg raw(device);
    std::string json;
    (void)Attach(*raw.get(), &json);
  }
}
void FakeMachine::IgnoreBootDevices() {
  const MutexLock lock(mutex_);
  ignore_ = true;
}
void FakeMachine::NoResize() {
  const MutexLock lock(mutex_);
  resize_ = false;
}
void FakeMachine::ShareMount(const std::string& json) {
  const MutexLock lock(mutex_);
  share_ = json;
}
bool FakeMachine::Has(const std::string& device) {
  const MutexLock lock(mutex_);
  return devices_.count(device) > 0;
}
std::size_t FakeMachine::DeviceCount() {
  const MutexLock lock(mutex_);
  return devices_.size();
}
std::uint64_t FakeMachine::Limit(const std::string& device) {
  const MutexLock lock(mutex_);
  return devices_[device].limit;
}
VmSize FakeMachine::Size() {
  const MutexLock lock(mutex_);
  return size_;
}
std::vector<std::string> FakeMachine::Calls() {
  const MutexLock lock(mutex_);
  return calls_;
}
void FakeMachine::Note(const std::string& call) {
  const MutexLock lock(mutex_);
  calls_.push_back(call);
}
std::vector<std::string> FakeMachine::Nics() {
  const MutexLock lock(mutex_);
  return nics_;
}
void FakeMachine::SetFound(std::vector<std::string> names) {
  const MutexLock lock(mutex_);
  found_ = std::move(names);
}
int FakeMachine::Joined() {
  const MutexLock lock(mutex_);
  return joined_;
}
std::int32_t FakeMachine::Attach(const shoji_device& device, std::string* json) {
  const MutexLock lock(mutex_);
  const std::string id = Text(device.id);
  const std::string content = ContentOf(device);
  auto it = devices_.find(id);
  if (it != devices_.end() && it->second.content != content) return SHOJI_ALREADY_EXISTS;
  if (it == devices_.end()) {
    char path[64];
    std::snprintf(path, sizeof(path), R"({"pci_path":"02/%02x"})", next_slot_++);
    it = devices_.emplace(id, Device{content, path, 0}).first;
    calls_.push_back("attach " + id);
  }
  *json = it->second.json;
  return SHOJI_OK;
}
void FakeMachine::Detach(const std::string& id) {
  const MutexLock lock(mutex_);
  if (devices_.erase(id) > 0) calls_.push_back("detach " + id);
}
bool FakeMachine::SetLimit(const std::string& id, std::uint64_t bytes) {
  const MutexLock lock(mutex_);
  const auto it = devices_.find(id);
  if (it == devices_.end()) return false;
  it->second.limit = bytes;
  return true;
}
VmSize FakeMachine::SetVcpus(std::uint32_t vcpus) {
  const MutexLock lock(mutex_);
  size_.vcpus = std::min(vcpus, size_.max_vcpus);
  return size_;
}
VmSize FakeMachine::SetMemory(std::uint64_t bytes, std::uint64_t block) {
  const MutexLock lock(mutex_);
  const std::uint64_t step = block == 0 ? 1 : block;
  VmSize out = size_;
  size_.memory_bytes = (bytes + step - 1) / step * step;
  out.memory_bytes = size_.memory_bytes;
  out.probe_address = 0x100000000;
  return out;
}
bool FakeMachine::CanResize() {
  const MutexLock lock(mutex_);
  return resize_;
}
std::string FakeMachine::ShareText() {
  const MutexLock lock(mutex_);
  return share_;
}
bool FakeMachine::Join() {
  const MutexLock lock(mutex_);
  if (joined_ > 0) return false;
  ++joined_;
  nics_ = found_;
  return true;
}
void FakeMachine::Leave() {
  const MutexLock lock(mutex_);
  joined_ = 0;
  nics_.clear();
}
bool FakeMachine::AddNic(const std::string& name) {
  const MutexLock lock(mutex_);
  if (std::find(nics_.begin(), nics_.end(), name) != nics_.end()) return false;
  nics_.push_back(name);
  return true;
}
void FakeMachine::RemoveNic(const std::string& name) {
  const MutexLock lock(mutex_);
  std::erase(nics_, name);
}

// ---- for fake_plugins.cc -----------------------------------------------------------

const void* HotplugExtension(shoji_vm* vm, const char* id) {
  FakeMachine& machine = WorldOf(vm).machine();
  const std::string name = id;
  if (name == SHOJI_HYPERVISOR_HOTPLUG_V1) return &kHotplug;
  if (name == SHOJI_HYPERVISOR_RESIZE_V1 && machine.CanResize()) return &kResize;
  if (name == SHOJI_HYPERVISOR_SHARES_V1 && !machine.ShareText().empty()) return &kShares;
  return nullptr;
}

const void* GuestExtension(shoji_agent*, const char* id) {
  const std::string name = id;
  if (name == SHOJI_AGENT_NETWORK_V1) return &kNetworkOfGuest;
  if (name == SHOJI_AGENT_HOTPLUG_V1) return &kHotplugOfGuest;
  if (name == SHOJI_AGENT_UPDATE_V1) return &kUpdate;
  return nullptr;
}

std::int32_t FakeGuestDetails(shoji_agent* agent, const shoji_call*, const shoji_sink* out,
                              shoji_error* error) {
  ENTER(WorldOf(agent), "agent.guest_details", error);
  return Put(out, R"({"mem_block_size_bytes":134217728,"support_mem_hotplug_probe":true})");
}

void NoteMounts(FakeMachine& machine, const shoji_storage* const* storages, std::uint32_t count) {
  for (std::uint32_t i = 0; i < count; ++i) {
    machine.Note("mount " + Text(storages[i]->driver) + " " + Text(storages[i]->source) + " " +
                 Text(storages[i]->mount_point));
  }
}

void NoteDevices(FakeMachine& machine, const shoji_container_request& request) {
  for (std::uint32_t i = 0; i < request.device_count; ++i) {
    const shoji_agent_device& device = *request.devices[i];
    machine.Note("device " + Text(device.type) + " " + Text(device.id) + " " +
                 Text(device.container_path));
  }
}

std::unique_ptr<Network> MakeFakeNetwork(FakeWorld& world) {
  return std::make_unique<Network>(&kNetwork, reinterpret_cast<shoji_network*>(&world));
}

std::string FakeMac(const std::string& nic) {
  unsigned sum = 0;
  for (const char c : nic) sum = sum * 31 + static_cast<unsigned char>(c);
  char text[32];
  std::snprintf(text, sizeof(text), "02:00:00:00:%02x:%02x", sum >> 8U & 0xffU, sum & 0xffU);
  return text;
}

}  // namespace shoji::testing
