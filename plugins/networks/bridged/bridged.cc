#include "bridged.h"

#include <string_view>
#include <vector>

#include "shoji/netlink/bridge.h"
#include "shoji/netlink/tc.h"

namespace shoji::network {
namespace {

// "br3_shoji" beside "tap3_shoji".
std::string BridgeName(const Port& port) {
  constexpr std::string_view kTap = "tap";
  return "br" + (port.device.starts_with(kTap) ? port.device.substr(kTap.size()) : port.device);
}

// Of its own for each device: with the pod's a bridge would take the guest's frames for its own.
std::string BridgeAddress(int index) {
  std::string address("\x02\x53\0\0\0\0", 6);
  for (unsigned i = 0; i < 4; ++i) {
    address[2 + i] = static_cast<char>(static_cast<unsigned>(index) >> (24 - 8 * i) & 0xffU);
  }
  return address;
}

// Nothing of the pod's kernel answers on the bridge: it only passes frames.
Status SetUpBridge(Site* site, int bridge) {
  netlink::NetlinkSocket* socket = &site->socket;
  SHOJI_RETURN_IF_ERROR(netlink::SetNoAddresses(socket, bridge));
  SHOJI_RETURN_IF_ERROR(netlink::SetNoArp(socket, bridge));
  return netlink::SwitchLink(socket, bridge, true);
}

Status AddPorts(Site* site, const Port& port, int bridge) {
  netlink::NetlinkSocket* socket = &site->socket;
  SHOJI_ASSIGN_OR_RETURN(const std::string mac, netlink::ParseLinkAddress(port.mac));
  SHOJI_RETURN_IF_ERROR(netlink::SetMaster(socket, port.device_index, bridge)
                            .WithContext("cannot add device " + port.device));
  SHOJI_RETURN_IF_ERROR(
      netlink::SetMaster(socket, port.index, bridge).WithContext("cannot add the interface"));
  // Without this, frames for the guest would be taken for the pod's kernel.
  SHOJI_RETURN_IF_ERROR(netlink::DeleteForwarding(socket, port.index, mac)
                            .WithContext("cannot take the interface's address from it"));
  return netlink::AddForwarding(socket, port.device_index, mac)
      .WithContext("cannot give the interface's address to device " + port.device);
}

}  // namespace

Status Bridged::CheckFree(Site*, const netlink::Link&) const { return OkStatus(); }

Status Bridged::Connect(Site* site, const Port& port) const {
  const std::string name = BridgeName(port);
  SHOJI_RETURN_IF_ERROR(netlink::AddBridge(&site->socket, name, BridgeAddress(port.device_index))
                            .WithContext("cannot make bridge " + name));
  SHOJI_ASSIGN_OR_RETURN(const netlink::Link bridge, netlink::LinkByName(&site->socket, name));
  const Mark mark{site->model, site->sandbox_id, port.index, false};
  SHOJI_RETURN_IF_ERROR(netlink::SetAlias(&site->socket, bridge.index, mark.Text())
                            .WithContext("cannot mark bridge " + name));
  SHOJI_RETURN_IF_ERROR(
      SetUpBridge(site, bridge.index).WithContext("cannot set bridge " + name + " up"));
  return AddPorts(site, port, bridge.index).WithContext("bridge " + name);
}

// The kernel frees the ports of a bridge that goes.
Status Bridged::Disconnect(Site* site, const Port& port, bool tap_exists) const {
  SHOJI_ASSIGN_OR_RETURN(const std::vector<netlink::Link> links, netlink::ListLinks(&site->socket));
  bool found = false;
  for (const netlink::Link& link : links) {
    if (link.kind != "bridge") continue;
    const auto mark = ParseMark(link.alias);
    const bool ours = mark && mark->model == site->model && mark->sandbox_id == site->sandbox_id &&
                      mark->interface == port.index;
    // Its maker was killed before it could mark it.
    const bool unmarked = tap_exists && link.alias.empty() && link.name == BridgeName(port);
    if (!ours && !unmarked) continue;
    found = true;
    SHOJI_RETURN_IF_ERROR(netlink::DeleteLink(&site->socket, link.index)
                              .WithContext("cannot delete bridge " + link.name));
  }
  if (!tap_exists && !found) return OkStatus();
  return netlink::DeleteRootQdisc(&site->socket, port.index, kBucketHandle)
      .WithContext("cannot remove the tx limit");
}

}  // namespace shoji::network
