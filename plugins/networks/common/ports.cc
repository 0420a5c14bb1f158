#include "ports.h"

#include <net/if.h>
#include <net/if_arp.h>

#include <algorithm>
#include <utility>

#include "tap.h"

namespace shoji::network {
namespace {

bool Has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Whether the tap of `port` is there and ours: another may have its index by now.
Result<bool> TapExists(Site* site, const Port& port) {
  SHOJI_ASSIGN_OR_RETURN(const std::vector<MarkedPort> marked, ListMarked(site));
  return std::any_of(marked.begin(), marked.end(), [&](const MarkedPort& other) {
    return other.port.device_index == port.device_index &&
           other.mark.sandbox_id == site->sandbox_id && other.mark.model == site->model;
  });
}

Status Occupied(Site* site, const MarkedPort& other) {
  const std::string who =
      "sandbox " + other.mark.sandbox_id + " (network " + other.mark.model + ")";
  if (other.mark.sandbox_id == site->sandbox_id) {
    return AlreadyExists(who + " has joined network namespace \"" + site->pod->path() +
                         "\" already, with device " + other.port.device);
  }
  return FailedPrecondition("network namespace \"" + site->pod->path() + "\" belongs to " + who +
                            ", whose VM holds device " + other.port.device);
}

}  // namespace

sdk::Nic OpenPort::ToNic() const {
  sdk::Nic nic{port.name, port.mac, port.mtu, {}, {}};
  for (const UniqueFd& fd : queues) nic.tap_fds.push_back(fd.get());
  for (const UniqueFd& fd : vhost) nic.vhost_fds.push_back(fd.get());
  return nic;
}

Status CheckUsable(const netlink::Link& link) {
  if ((link.flags & IFF_LOOPBACK) != 0) return FailedPrecondition("it is the loopback device");
  if (ParseMark(link.alias)) return FailedPrecondition("it is the tap of a sandbox");
  if (link.type != ARPHRD_ETHER || link.address.size() != 6) {
    return FailedPrecondition("it carries no Ethernet frames (kind \"" + link.kind + "\")");
  }
  if (link.master == 0) return OkStatus();
  return FailedPrecondition("it is part of another device; give the VM that one");
}

std::vector<netlink::Link> Usable(const std::vector<netlink::Link>& links,
                                  const std::vector<netlink::LinkAddress>& addresses,
                                  const std::vector<std::string>& skip) {
  std::vector<netlink::Link> usable;
  for (const netlink::Link& link : links) {
    const bool has_address = std::any_of(addresses.begin(), addresses.end(),
                                         [&](const auto& a) { return a.link == link.index; });
    const bool in_use = has_address || (link.flags & IFF_UP) != 0;
    if (in_use && CheckUsable(link).ok() && !Has(skip, link.name)) usable.push_back(link);
  }
  return usable;
}

Result<OpenPort> ConnectPort(Site* site, const Model& model, const netlink::Link& link,
                             unsigned queues, bool vhost) {
  const std::string name = site->Name(link.name);
  SHOJI_RETURN_IF_ERROR(model.CheckFree(site, link).WithContext(name));
  auto tap = MakeTap(site, link, queues);
  if (!tap.ok()) return tap.status().WithContext(name);
  OpenPort open;
  open.port = {link.name,
               link.index,
               tap->name,
               tap->index,
               netlink::LinkAddressText(link.address),
               std::min(link.mtu, kMaxTapMtu)};
  open.queues = std::move(tap->queues);
  Status connected = model.Connect(site, open.port);
  if (!connected.ok()) {
    (void)DisconnectPort(site, model, open.port);
    return std::move(connected).WithContext(name);
  }
  if (vhost) open.vhost = OpenVhost(queues);
  return open;
}

Status MarkWhole(Site* site, const Port& port) {
  const Mark mark{site->model, site->sandbox_id, port.index, true};
  return netlink::SetAlias(&site->socket, port.device_index, mark.Text())
      .WithContext(site->Name(port.name) + ": cannot mark device " + port.device);
}

Status DisconnectPort(Site* site, const Model& model, const Port& port) {
  SHOJI_ASSIGN_OR_RETURN(const bool exists, TapExists(site, port));
  Status undone = model.Disconnect(site, port, exists).WithContext(site->Name(port.name));
  if (!exists) return undone;
  Status deleted = netlink::DeleteLink(&site->socket, port.device_index)
                       .WithContext(site->Name(port.name) + ": cannot delete " + port.device);
  return undone.ok() ? deleted : undone;
}

Result<std::vector<MarkedPort>> ListMarked(Site* site) {
  SHOJI_ASSIGN_OR_RETURN(const std::vector<netlink::Link> links, netlink::ListLinks(&site->socket));
  std::vector<MarkedPort> marked;
  for (const netlink::Link& link : links) {
    auto mark = ParseMark(link.alias);
    if (!mark) continue;
    MarkedPort port;
    port.mark = std::move(*mark);
    port.port.index = port.mark.interface;
    port.port.device = link.name;
    port.port.device_index = link.index;
    port.held = link.tun_queues > 0;
    for (const netlink::Link& other : links) {
      if (other.index == port.port.index) port.port.name = other.name;
    }
    marked.push_back(std::move(port));
  }
  return marked;
}

Status ClearLeftovers(Site* site, const Model& model) {
  SHOJI_ASSIGN_OR_RETURN(const std::vector<MarkedPort> marked, ListMarked(site));
  // Nothing is touched where anything is in use.
  for (const MarkedPort& other : marked) {
    const bool ours = other.mark.sandbox_id == site->sandbox_id;
    const bool others_model = other.mark.model != site->model;
    if (other.held || (ours && other.mark.whole) || others_model) return Occupied(site, other);
  }
  for (const MarkedPort& other : marked) {
    SHOJI_ASSIGN_OR_RETURN(Site theirs,
                           Site::Open(*site->pod, other.mark.model, other.mark.sandbox_id));
    SHOJI_RETURN_IF_ERROR(DisconnectPort(&theirs, model, other.port));
  }
  return OkStatus();
}

}  // namespace shoji::network
