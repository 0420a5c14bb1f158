// Interfaces and routes of a running sandbox.
#include <algorithm>
#include <utility>

#include "request/device_place.h"
#include "request/network_json.h"
#include "request/network_limits.h"
#include "request/validate.h"
#include "sandbox/object.h"

namespace shoji {
namespace {

std::string Named(const std::string& name) { return "interface \"" + name + "\""; }

InterfaceRecord* Find(SandboxRecord& record, const std::string& name) {
  const auto it = std::find_if(record.interfaces.begin(), record.interfaces.end(),
                               [&](const auto& interface) { return interface.info.name == name; });
  return it == record.interfaces.end() ? nullptr : &*it;
}

Status OfGuest(const Status& status) { return Status(status).WithContext("the guest's answer"); }

}  // namespace

Result<std::shared_ptr<NetworkLink>> SandboxObject::NetworkOf(const SandboxRecord& record,
                                                              const std::string& what) {
  SHOJI_RETURN_IF_ERROR(MayAttach(record, what));
  if (record.network_state.empty()) {
    return FailedPrecondition(what + ": " + Name() + " was made without a network namespace");
  }
  SHOJI_RETURN_IF_ERROR(Connect(record).status());
  return AttachNetwork(record);
}

Result<InterfaceInfo> SandboxObject::AddInterface(const InterfaceInfo& interface) {
  SHOJI_RETURN_IF_ERROR(ValidateInterface(interface));
  const std::string what = "cannot add " + Named(interface.name);
  SHOJI_ASSIGN_OR_RETURN(Session session, Begin(LockMode::kExclusive));
  SandboxRecord& record = session.record;
  SHOJI_ASSIGN_OR_RETURN(const auto network, NetworkOf(record, what));
  if (const InterfaceRecord* const known = Find(record, interface.name); known != nullptr) {
    if (known->asked == interface) return known->info;
    return AlreadyExists(Named(interface.name) + " is in " + Name() + " already");
  }
  SHOJI_ASSIGN_OR_RETURN(const auto link, Connect(record));
  UndoStack undo;
  SHOJI_ASSIGN_OR_RETURN(const Nic nic, network->Add(context_->making_call(), interface.name));
  undo.Push([this, network, &record, id = nic.id] {
    (void)network->Remove(context_->call(), id);
    (void)SaveNetworkState(record, *network);
  });
  auto added = ConnectNic(record, *network, nic, interface, *link, undo);
  if (!added.ok()) return added.status().WithContext(what);
  record.interfaces.push_back(std::move(*added));
  SHOJI_RETURN_IF_ERROR(SaveNetworkState(record, *network));
  SHOJI_RETURN_IF_ERROR(SaveRecord(record));
  undo.Commit();
  return record.interfaces.back().info;
}

Status SandboxObject::RemoveInterface(const std::string& name) {
  SHOJI_RETURN_IF_ERROR(ValidateInterfaceName(name));
  const std::string what = "cannot remove " + Named(name);
  SHOJI_ASSIGN_OR_RETURN(Session session, Begin(LockMode::kExclusive));
  SandboxRecord& record = session.record;
  const InterfaceRecord* const found = Find(record, name);
  if (found == nullptr) return OkStatus();
  const InterfaceRecord interface = *found;
  SHOJI_ASSIGN_OR_RETURN(const auto network, NetworkOf(record, what));
  SHOJI_ASSIGN_OR_RETURN(const auto link, Connect(record));
  SHOJI_ASSIGN_OR_RETURN(const auto vm, AttachVm(record));
  if (!network->can_change()) {
    return Unimplemented(what + ": network plugin " + record.network +
                         " cannot change a network that is joined");
  }
  // The VM lets go first: when it does not, everything is as it was.
  SHOJI_RETURN_IF_ERROR(
      link->Explain(vm->DetachDevice(context_->call(), NicDeviceId(interface.info.mac)))
          .WithContext(what));
  UndoStack undo;
  undo.Push([&] {
    const auto nics = network->Nics();
    if (!nics.ok()) return;
    for (const Nic& nic : *nics) {
      UndoStack kept;
      if (nic.id == interface.nic_id &&
          ConnectNic(record, *network, nic, interface.asked, *link, kept).ok()) {
        kept.Commit();
      }
    }
  });
  SHOJI_RETURN_IF_ERROR(network->Remove(context_->call(), interface.nic_id).WithContext(what));
  undo.Push([&] {
    (void)network->Add(context_->call(), interface.info.name);
    (void)SaveNetworkState(record, *network);
  });
  std::erase_if(record.interfaces, [&](const auto& other) { return other.info.name == name; });
  SHOJI_RETURN_IF_ERROR(SaveNetworkState(record, *network));
  SHOJI_RETURN_IF_ERROR(SaveRecord(record));
  undo.Commit();
  return OkStatus();
}

Status SandboxObject::LimitInterface(const std::string& name,
                                     const std::optional<InterfaceLimits>& limits) {
  SHOJI_RETURN_IF_ERROR(ValidateInterfaceName(name));
  if (limits) SHOJI_RETURN_IF_ERROR(ValidateInterfaceLimits(*limits, Named(name)));
  SHOJI_ASSIGN_OR_RETURN(Session session, Begin(LockMode::kExclusive));
  SandboxRecord& record = session.record;
  InterfaceRecord* const interface = Find(record, name);
  if (interface == nullptr) return NotFound(Named(name) + " does not exist in " + Name());
  SHOJI_ASSIGN_OR_RETURN(const auto network, NetworkOf(record, "cannot limit " + Named(name)));
  const auto set = [this, network, id = interface->nic_id](const auto& wanted) {
    return network->Limit(context_->call(), id,
                          ToNetworkLimits(wanted.value_or(InterfaceLimits())));
  };
  UndoStack undo;
  SHOJI_RETURN_IF_ERROR(set(limits));
  undo.Push([set, old = interface->info.limits] { (void)set(old); });
  interface->info.limits = limits;
  // An empty limit, so that those of the whole network do not come back with the next VM.
  interface->asked.limits = limits.value_or(InterfaceLimits());
  SHOJI_RETURN_IF_ERROR(SaveNetworkState(record, *network));
  SHOJI_RETURN_IF_ERROR(SaveRecord(record));
  undo.Commit();
  return OkStatus();
}

Result<std::vector<InterfaceInfo>> SandboxObject::ListInterfaces() {
  SHOJI_ASSIGN_OR_RETURN(Session session, Begin(LockMode::kShared));
  SandboxRecord& record = session.record;
  SHOJI_RETURN_IF_ERROR(MayAttach(record, "cannot list interfaces"));
  SHOJI_ASSIGN_OR_RETURN(const auto link, Connect(record));
  session.lock.Release();
  const auto text = link->agent().ListInterfaces(context_->call());
  if (!text.ok()) return link->Explain(text.status());
  auto out = ParseInterfaces(*text);
  if (!out.ok()) return OfGuest(out.status());
  for (InterfaceInfo& info : *out) {
    for (const InterfaceRecord& known : record.interfaces) {
      if (info.mac.empty() || !SameMac(info.mac, known.info.mac)) continue;
      info.name = known.info.name;
      info.limits = known.info.limits;
    }
  }
  return out;
}

Result<std::vector<Route>> SandboxObject::UpdateRoutes(const std::vector<Route>& routes) {
  for (const Route& route : routes) SHOJI_RETURN_IF_ERROR(ValidateRoute(route));
  SHOJI_ASSIGN_OR_RETURN(Session session, Begin(LockMode::kExclusive));
  SHOJI_RETURN_IF_ERROR(MayAttach(session.record, "cannot update routes"));
  SHOJI_ASSIGN_OR_RETURN(const auto link, Connect(session.record));
  const auto text = link->agent().UpdateRoutes(context_->call(), FormatRoutes(routes));
  if (!text.ok()) return link->Explain(text.status());
  auto out = ParseRoutes(*text);
  if (!out.ok()) return OfGuest(out.status());
  return out;
}

Result<std::vector<Route>> SandboxObject::ListRoutes() {
  SHOJI_ASSIGN_OR_RETURN(Session session, Begin(LockMode::kShared));
  SHOJI_RETURN_IF_ERROR(MayAttach(session.record, "cannot list routes"));
  SHOJI_ASSIGN_OR_RETURN(const auto link, Connect(session.record));
  session.lock.Release();
  const auto text = link->agent().ListRoutes(context_->call());
  if (!text.ok()) return link->Explain(text.status());
  auto out = ParseRoutes(*text);
  if (!out.ok()) return OfGuest(out.status());
  return out;
}

}  // namespace shoji
