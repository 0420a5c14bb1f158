// Joining a sandbox to the network namespace of its pod, and leaving it.
#include <algorithm>
#include <utility>

#include "request/device_place.h"
#include "request/network_json.h"
#include "request/network_limits.h"
#include "sandbox/left_network.h"
#include "sandbox/object.h"
#include "shoji/base/file.h"

namespace shoji {
namespace {

// What was asked for the interface earlier; of a found one only its name.
InterfaceInfo AskedFor(const std::vector<InterfaceRecord>& interfaces, const std::string& name) {
  for (const InterfaceRecord& interface : interfaces) {
    if (interface.asked.name == name) return interface.asked;
  }
  InterfaceInfo out;
  out.name = name;
  return out;
}

Result<GuestInterface> FindByMac(const std::vector<GuestInterface>& interfaces, const Nic& nic) {
  for (const GuestInterface& interface : interfaces) {
    if (SameMac(interface.info.mac, nic.mac)) return interface;
  }
  return Internal("the network plugin says nothing about interface \"" + nic.id + "\" (" + nic.mac +
                  ") for the guest");
}

Nic WithWishes(Nic nic, const InterfaceInfo& asked) {
  if (!asked.mac.empty()) nic.mac = asked.mac;
  if (asked.mtu != 0) nic.mtu = asked.mtu;
  return nic;
}

}  // namespace

Status SandboxObject::JoinNetwork(const SandboxRecord& record, const CancelEvent& cancel,
                                  Joined& joined) {
  const NetworkConfig& config = record.config.network;
  if (config.netns.empty()) return OkStatus();
  SpanTimer span(*context_, "network.join");
  SHOJI_ASSIGN_OR_RETURN(Network* const network, context_->network(record.network));
  Network::Params params;
  params.sandbox_id = id_;
  params.netns = config.netns;
  params.run_dir = paths_.dir;
  params.queues = config.queues;
  const Call call{Deadline::After(context_->settings().call_limit), cancel.fd()};
  auto link = network->Join(call, params);
  if (!link.ok()) return link.status().WithContext("cannot join network " + config.netns);
  joined.link = std::move(*link);
  SHOJI_ASSIGN_OR_RETURN(joined.state, joined.link->SaveState());
  SHOJI_RETURN_IF_ERROR(NoteNetwork(paths_, record.network, joined.state));
  SHOJI_ASSIGN_OR_RETURN(joined.nics, joined.link->Nics());
  for (Nic& nic : joined.nics) nic = WithWishes(nic, AskedFor(record.interfaces, nic.id));
  span.Finish();
  return OkStatus();
}

void SandboxObject::AdoptNetwork(SandboxRecord& record, const Joined& joined, UndoStack& undo) {
  if (joined.link == nullptr) return;
  undo.Push([this, link = joined.link] {
    if (const Status left = link->Leave(context_->call()); !left.ok()) {
      context_->Log(LogLevel::kWarn, Name() + ": " + left.message());
    } else {
      (void)ForgetNetwork(paths_);
    }
  });
  record.network_state = joined.state;
  const MutexLock lock(mutex_);
  network_ = joined.link;
  network_state_ = record.network_state;
}

Result<InterfaceRecord> SandboxObject::ConnectNic(const SandboxRecord& record, NetworkLink& network,
                                                  const Nic& nic, const InterfaceInfo& asked,
                                                  Link& link, UndoStack& undo) {
  SHOJI_ASSIGN_OR_RETURN(const std::string text, network.GuestConfig(context_->making_call()));
  const auto guest = ParseGuestNetwork(text);
  if (!guest.ok()) return guest.status().WithContext("what the network plugin says for the guest");
  SHOJI_ASSIGN_OR_RETURN(const GuestInterface found, FindByMac(guest->interfaces, nic));
  const Nic wished = WithWishes(nic, asked);
  const VmDevice device{NicDeviceId(wished.mac), wished};
  SHOJI_ASSIGN_OR_RETURN(const auto vm, AttachVm(record));
  const auto answer = vm->AttachDevice(context_->making_call(), device);
  if (!answer.ok()) return link.Explain(answer.status()).WithContext("interface " + nic.id);
  undo.Push([this, vm, id = device.id] { (void)vm->DetachDevice(context_->call(), id); });
  SHOJI_ASSIGN_OR_RETURN(const DeviceAddress address, ParseAddress(*answer));
  SHOJI_ASSIGN_OR_RETURN(const std::string json, InterfaceForAgent(found, asked, address.pci_path));
  SHOJI_RETURN_IF_ERROR(
      link.Explain(link.agent().UpdateInterface(context_->making_call(), json).status())
          .WithContext("the guest refuses interface " + nic.id));
  InterfaceRecord out;
  out.asked = asked;
  out.nic_id = nic.id;
  out.info = MergeInterface(found.info, asked);
  out.info.name = asked.name.empty() ? nic.id : asked.name;
  if (!out.info.limits) out.info.limits = record.config.network.limits;
  if (out.info.limits) {
    SHOJI_RETURN_IF_ERROR(
        network.Limit(context_->call(), nic.id, ToNetworkLimits(*out.info.limits)));
  }
  return out;
}

// Interfaces, then routes, then neighbours; all before CreateSandbox.
Status SandboxObject::ConfigureNetwork(SandboxRecord& record, const Joined& joined, Link& link) {
  const std::vector<InterfaceRecord> before = std::exchange(record.interfaces, {});
  if (joined.link == nullptr || joined.nics.empty()) return OkStatus();
  UndoStack undo;  // of what the VM has; the VM goes with it
  SHOJI_ASSIGN_OR_RETURN(const auto nics, joined.link->Nics());
  for (const Nic& nic : nics) {
    SHOJI_ASSIGN_OR_RETURN(
        InterfaceRecord interface,
        ConnectNic(record, *joined.link, nic, AskedFor(before, nic.id), link, undo));
    record.interfaces.push_back(std::move(interface));
  }
  undo.Commit();
  SHOJI_ASSIGN_OR_RETURN(const std::string text, joined.link->GuestConfig(context_->call()));
  SHOJI_ASSIGN_OR_RETURN(const GuestNetwork guest, ParseGuestNetwork(text));
  Agent& agent = link.agent();
  SHOJI_RETURN_IF_ERROR(
      link.Explain(agent.UpdateRoutes(context_->making_call(), guest.routes).status())
          .WithContext("the guest refuses its routes"));
  if (guest.neighbors == "[]") return OkStatus();
  const Status neighbors = agent.AddNeighbors(context_->making_call(), guest.neighbors);
  if (neighbors.code() == StatusCode::kUnimplemented) return OkStatus();  // of old agents
  return link.Explain(neighbors).WithContext("the guest refuses its neighbours");
}

Result<std::shared_ptr<NetworkLink>> SandboxObject::AttachNetwork(const SandboxRecord& record) {
  const MutexLock lock(mutex_);
  // Another process may have changed it since.
  if (network_ != nullptr && network_state_ == record.network_state) return network_;
  SHOJI_ASSIGN_OR_RETURN(Network* const network, context_->network(record.network));
  SHOJI_ASSIGN_OR_RETURN(auto attached, network->Attach(context_->call(), record.network_state));
  if (attached.gone) {
    return Unavailable("the network of " + Name() + " is gone: " + record.config.network.netns);
  }
  network_ = std::move(attached.link);
  network_state_ = record.network_state;
  return network_;
}

Status SandboxObject::SaveNetworkState(SandboxRecord& record, NetworkLink& network) {
  SHOJI_ASSIGN_OR_RETURN(std::string state, network.SaveState());
  SHOJI_RETURN_IF_ERROR(NoteNetwork(paths_, record.network, state));
  record.network_state = std::move(state);
  const MutexLock lock(mutex_);
  network_state_ = record.network_state;
  return OkStatus();
}

Status SandboxObject::LeaveNetwork(SandboxRecord& record, bool force) {
  std::shared_ptr<NetworkLink> link;
  {
    const MutexLock lock(mutex_);
    if (network_state_ == record.network_state) link = network_;
    network_.reset();
  }
  Status left;
  if (link != nullptr) {
    left = link->Leave(context_->call());
    if (left.ok()) left = ForgetNetwork(paths_);
  } else {
    left = LeaveLeftNetwork(*context_, paths_);
  }
  if (!left.ok() && !force) return Status(left).WithContext("cannot leave the network");
  if (!left.ok()) context_->Log(LogLevel::kWarn, Name() + ": " + left.message());
  record.network_state.clear();
  return OkStatus();
}

}  // namespace shoji
