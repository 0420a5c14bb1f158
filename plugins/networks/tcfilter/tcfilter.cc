#include "tcfilter.h"

#include <algorithm>
#include <vector>

#include "shoji/netlink/tc.h"

namespace shoji::network {
namespace {

using netlink::IngressFilter;

constexpr std::uint32_t kIngress = 0xfffffff1U;  // TC_H_INGRESS

// The kind of what filters incoming frames: "ingress", "clsact"; empty: nothing does.
Result<std::string> IngressKind(Site* site, int link) {
  SHOJI_ASSIGN_OR_RETURN(const std::vector<netlink::Qdisc> all, netlink::ListQdiscs(&site->socket));
  for (const netlink::Qdisc& qdisc : all) {
    if (qdisc.link == link && qdisc.parent == kIngress) return qdisc.kind;
  }
  return std::string();
}

// Of a sandbox whose tap is gone: such a filter drops everything.
bool IsDead(const IngressFilter& filter) {
  return IsCookie(filter.cookie) && filter.redirect_to == 0;
}

Status Redirect(Site* site, int from, int to) {
  SHOJI_RETURN_IF_ERROR(
      netlink::AddIngress(&site->socket, from).WithContext("cannot add a queue for filters"));
  return netlink::AddRedirect(&site->socket, from, to, CookieOf(site->model, site->sandbox_id))
      .WithContext("cannot add the filter that redirects");
}

// Takes our filters off the pod's interface; `ret_found`: there were some.
Status TakeFilters(Site* site, int link, bool is_ours, bool* ret_found) {
  SHOJI_ASSIGN_OR_RETURN(const std::string kind, IngressKind(site, link));
  if (kind.empty()) return OkStatus();
  SHOJI_ASSIGN_OR_RETURN(const std::vector<IngressFilter> filters,
                         netlink::ListIngressFilters(&site->socket, link));
  const std::string cookie = CookieOf(site->model, site->sandbox_id);
  const auto mine = [&](const IngressFilter& filter) { return filter.cookie == cookie; };
  *ret_found = std::any_of(filters.begin(), filters.end(), mine);
  if (!*ret_found && !(is_ours && filters.empty())) return OkStatus();
  if (std::all_of(filters.begin(), filters.end(), mine)) {
    return netlink::DeleteIngress(&site->socket, link);
  }
  // Somebody has added filters of their own since: theirs stay, and so does what holds them.
  for (const IngressFilter& filter : filters) {
    if (!mine(filter)) continue;
    SHOJI_RETURN_IF_ERROR(netlink::DeleteIngressFilters(&site->socket, link, filter.priority));
  }
  return OkStatus();
}

}  // namespace

Status TcFilter::CheckFree(Site* site, const netlink::Link& link) const {
  SHOJI_ASSIGN_OR_RETURN(const std::string kind, IngressKind(site, link.index));
  if (kind.empty()) return OkStatus();
  SHOJI_ASSIGN_OR_RETURN(const std::vector<IngressFilter> filters,
                         netlink::ListIngressFilters(&site->socket, link.index));
  if (!filters.empty() && std::all_of(filters.begin(), filters.end(), IsDead)) {
    return netlink::DeleteIngress(&site->socket, link.index);
  }
  return FailedPrecondition("its incoming frames are filtered by somebody else (queue \"" + kind +
                            "\"); remove that, or choose another network model");
}

Status TcFilter::Connect(Site* site, const Port& port) const {
  SHOJI_RETURN_IF_ERROR(Redirect(site, port.device_index, port.index)
                            .WithContext("frames from device " + port.device));
  // Last: until here the pod's namespace has its network.
  return Redirect(site, port.index, port.device_index)
      .WithContext("frames to device " + port.device);
}

Status TcFilter::Disconnect(Site* site, const Port& port, bool tap_exists) const {
  bool found = false;
  SHOJI_RETURN_IF_ERROR(
      TakeFilters(site, port.index, tap_exists, &found).WithContext("cannot remove the filter"));
  if (!tap_exists && !found) return OkStatus();
  return netlink::DeleteRootQdisc(&site->socket, port.index, kBucketHandle)
      .WithContext("cannot remove the tx limit");
}

}  // namespace shoji::network
