#include "pod_link.h"

#include <algorithm>
#include <utility>

#include "shoji/sdk/wait.h"

namespace shoji::network {
namespace {

Limit RxOf(const sdk::NetworkLimits& l) { return {l.rx_rate, l.rx_burst, l.rx_peak}; }
Limit TxOf(const sdk::NetworkLimits& l) { return {l.tx_rate, l.tx_burst, l.tx_peak}; }

Status Shape(Site* site, int device, const std::optional<netlink::TokenBucket>& bucket) {
  if (!bucket) return netlink::DeleteRootQdisc(&site->socket, device, kBucketHandle);
  return netlink::SetTokenBucket(&site->socket, device, kBucketHandle, *bucket);
}

// A queue discipline that somebody else put there is not ours to replace.
Status CheckRoot(Site* site, int device) {
  SHOJI_ASSIGN_OR_RETURN(const std::vector<netlink::Qdisc> all, netlink::ListQdiscs(&site->socket));
  constexpr std::uint32_t kRoot = 0xffffffffU;
  for (const netlink::Qdisc& qdisc : all) {
    const bool foreign = qdisc.handle != 0 && qdisc.handle != kBucketHandle;
    if (qdisc.link == device && qdisc.parent == kRoot && foreign) {
      return FailedPrecondition("it has a queue discipline \"" + qdisc.kind +
                                "\" already, which a limit would replace");
    }
  }
  return OkStatus();
}

Status First(Status first, Status second) { return first.ok() ? second : first; }

}  // namespace

PodLink::PodLink(std::shared_ptr<const Model> model, LinkState state,
                 std::optional<netlink::NetNamespace> pod, bool vhost)
    : model_(std::move(model)), state_(std::move(state)), pod_(std::move(pod)), vhost_(vhost) {
  for (const Port& port : state_.ports) {
    auto entry = std::make_unique<Entry>();
    entry->open.port = port;
    entry->nic = entry->open.ToNic();
    entry->nic.tap_fds.assign(state_.queues, -1);
    entries_.push_back(std::move(entry));
  }
}

Result<Site> PodLink::OpenSite() const {
  if (pod_) return Site::Open(*pod_, model_->id(), state_.sandbox_id);
  if (state_.netns.empty()) {
    return FailedPrecondition("sandbox " + state_.sandbox_id + " has no network namespace");
  }
  return NotFound("network namespace \"" + state_.netns + "\" of sandbox " + state_.sandbox_id +
                  " is gone");
}

Status PodLink::NoInterface(std::string_view name) const {
  return NotFound("sandbox " + state_.sandbox_id + " has not joined an interface \"" +
                  std::string(name) + "\"");
}

std::vector<Port> PodLink::Ports() const {
  const MutexLock lock(mutex_);
  std::vector<Port> ports;
  for (const auto& entry : entries_) ports.push_back(entry->open.port);
  return ports;
}

std::optional<Port> PodLink::FindPort(std::string_view name) const {
  for (Port& port : Ports()) {
    if (port.name == name) return std::move(port);
  }
  return std::nullopt;
}

const sdk::Nic* PodLink::Take(OpenPort open) {
  auto entry = std::make_unique<Entry>();
  entry->nic = open.ToNic();
  entry->open = std::move(open);
  const MutexLock lock(mutex_);
  entries_.push_back(std::move(entry));
  return &entries_.back()->nic;
}

void PodLink::Drop(const Port& port) {
  const MutexLock lock(mutex_);
  const auto it = std::find_if(entries_.begin(), entries_.end(), [&](const auto& entry) {
    return entry->open.port.device_index == port.device_index && entry->open.port.name == port.name;
  });
  if (it == entries_.end()) return;
  (*it)->open.queues.clear();
  (*it)->open.vhost.clear();
  gone_.push_back(std::move(*it));
  entries_.erase(it);
}

const sdk::Nic* PodLink::NicAt(std::uint32_t index) const {
  const MutexLock lock(mutex_);
  return index < entries_.size() ? &entries_[index]->nic : nullptr;
}

Result<std::string> PodLink::GuestConfig(const shoji_call* call) {
  SHOJI_RETURN_IF_ERROR(sdk::CheckCall(call, "reading the pod's network"));
  const std::vector<Port> ports = Ports();
  if (ports.empty()) return std::string(kEmptyGuestConfig);
  SHOJI_ASSIGN_OR_RETURN(Site site, OpenSite());
  auto config = network::GuestConfig(&site.socket, ports);
  if (config.ok()) return config;
  return config.status().WithContext("network namespace \"" + state_.netns + "\"");
}

Status PodLink::Limit(const shoji_call* call, std::string_view nic_id,
                      const sdk::NetworkLimits& limits) {
  SHOJI_RETURN_IF_ERROR(sdk::CheckCall(call, "limiting an interface"));
  const std::optional<Port> port = FindPort(nic_id);
  if (!port) return NoInterface(nic_id);
  SHOJI_ASSIGN_OR_RETURN(const auto rx, BucketOf("rx", RxOf(limits), port->mtu));
  SHOJI_ASSIGN_OR_RETURN(const auto tx, BucketOf("tx", TxOf(limits), port->mtu));
  SHOJI_ASSIGN_OR_RETURN(Site site, OpenSite());
  const std::string name = site.Name(port->name);
  if (tx) SHOJI_RETURN_IF_ERROR(CheckRoot(&site, port->index).WithContext(name));
  SHOJI_RETURN_IF_ERROR(
      Shape(&site, port->index, tx).WithContext(name + ": cannot set the tx limit"));
  return Shape(&site, port->device_index, rx)
      .WithContext(name + ": cannot set the rx limit on device " + port->device);
}

Result<std::string> PodLink::SaveState() {
  LinkState state = state_;
  state.ports = Ports();
  return LinkStateText(state);
}

Status PodLink::Connect(Site* site, const netlink::Link& link) {
  for (const Port& port : Ports()) {
    if (port.mac == netlink::LinkAddressText(link.address)) {
      return FailedPrecondition(site->Name(link.name) + " has the address " + port.mac + " of " +
                                port.name + " too; a guest could not tell them apart");
    }
  }
  SHOJI_ASSIGN_OR_RETURN(OpenPort open, ConnectPort(site, *model_, link, state_.queues, vhost_));
  Take(std::move(open));
  return OkStatus();
}

Status PodLink::Undo(const shoji_call* call) {
  if (!pod_) return OkStatus();
  SHOJI_ASSIGN_OR_RETURN(Site site, OpenSite());
  Status all;
  std::vector<Port> ports = Ports();
  std::reverse(ports.begin(), ports.end());
  for (const Port& port : ports) {
    SHOJI_RETURN_IF_ERROR(First(all, sdk::CheckCall(call, "leaving " + site.Name(port.name))));
    Status undone = DisconnectPort(&site, *model_, port);
    if (undone.ok()) Drop(port);
    all = First(std::move(all), std::move(undone));
  }
  return all;
}

Status PodLink::Leave(const shoji_call* call) {
  Status left = Undo(call);
  if (!pod_) return left;
  // What the saved state does not know: an interface whose adding was cut short.
  SHOJI_ASSIGN_OR_RETURN(Site site, OpenSite());
  SHOJI_ASSIGN_OR_RETURN(const std::vector<MarkedPort> marked, ListMarked(&site));
  for (const MarkedPort& other : marked) {
    if (other.mark.sandbox_id != state_.sandbox_id || other.mark.model != model_->id()) continue;
    left = First(std::move(left), DisconnectPort(&site, *model_, other.port));
  }
  return left;
}

Result<const sdk::Nic*> PodLink::Add(const shoji_call* call, std::string_view name) {
  SHOJI_RETURN_IF_ERROR(sdk::CheckCall(call, "adding an interface"));
  if (FindPort(name)) {
    return AlreadyExists("sandbox " + state_.sandbox_id + " has joined interface \"" +
                         std::string(name) + "\" already");
  }
  SHOJI_ASSIGN_OR_RETURN(Site site, OpenSite());
  auto link = netlink::LinkByName(&site.socket, std::string(name));
  if (!link.ok()) return link.status().WithContext(site.Name(std::string(name)));
  SHOJI_RETURN_IF_ERROR(CheckUsable(*link).WithContext(site.Name(link->name)));
  SHOJI_RETURN_IF_ERROR(Connect(&site, *link));
  const Port port = Ports().back();
  Status marked = MarkWhole(&site, port);
  if (!marked.ok()) {
    (void)DisconnectPort(&site, *model_, port);
    Drop(port);
    return marked;
  }
  const MutexLock lock(mutex_);
  return static_cast<const sdk::Nic*>(&entries_.back()->nic);
}

Status PodLink::Remove(const shoji_call* call, std::string_view nic_id) {
  SHOJI_RETURN_IF_ERROR(sdk::CheckCall(call, "removing an interface"));
  const std::optional<Port> port = FindPort(nic_id);
  if (!port) return OkStatus();
  if (pod_) {
    SHOJI_ASSIGN_OR_RETURN(Site site, OpenSite());
    SHOJI_RETURN_IF_ERROR(DisconnectPort(&site, *model_, *port));
  }
  Drop(*port);
  return OkStatus();
}

}  // namespace shoji::network
