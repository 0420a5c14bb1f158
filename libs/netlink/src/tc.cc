#include "shoji/netlink/tc.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/tc_act/tc_mirred.h>

#include <algorithm>
#include <cerrno>
#include <limits>

namespace shoji::netlink {
namespace {

constexpr std::uint32_t kIngressHandle = TC_H_MAKE(TC_H_INGRESS, 0);
constexpr std::uint32_t kFilters = TC_H_MAKE(TC_H_INGRESS, TC_H_MIN_INGRESS);
constexpr std::uint32_t kPriority = 1;
constexpr int kFirstAction = 1;

tcmsg Head(int link, std::uint32_t parent, std::uint32_t handle = 0, std::uint32_t info = 0) {
  tcmsg head{};
  head.tcm_family = AF_UNSPEC;
  head.tcm_ifindex = link;
  head.tcm_parent = parent;
  head.tcm_handle = handle;
  head.tcm_info = info;
  return head;
}

template <typename T>
std::string_view Bytes(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

// What is gone need not be deleted: the qdisc (EINVAL, ENOENT) or the whole device.
Status Gone(Status status) {
  const int error = status.sys_errno();
  return error == ENOENT || error == EINVAL || error == ENODEV ? OkStatus() : status;
}

tc_ratespec Rate(std::uint64_t bytes_per_s) {
  tc_ratespec rate{};
  rate.linklayer = TC_LINKLAYER_ETHERNET;  // the kernel computes, and wants no table
  rate.rate = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(bytes_per_s, std::numeric_limits<std::uint32_t>::max()));
  return rate;
}

}  // namespace

Qdisc ParseQdisc(const NetlinkMessage& message) {
  const auto head = message.As<tcmsg>();
  return {head.tcm_ifindex, head.tcm_handle, head.tcm_parent,
          NameOf(message.Attributes(sizeof head), TCA_KIND)};
}

Result<std::vector<Qdisc>> ListQdiscs(NetlinkSocket* socket) {
  SHOJI_ASSIGN_OR_RETURN(const auto list,
                         socket->List(NetlinkRequest(RTM_GETQDISC, NLM_F_DUMP, tcmsg{})));
  std::vector<Qdisc> qdiscs;
  for (const NetlinkMessage& message : list) qdiscs.push_back(ParseQdisc(message));
  return qdiscs;
}

Status AddIngress(NetlinkSocket* socket, int link) {
  NetlinkRequest request(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL,
                         Head(link, TC_H_INGRESS, kIngressHandle));
  return socket->Do(request.AddName(TCA_KIND, "ingress"));
}

Status DeleteIngress(NetlinkSocket* socket, int link) {
  NetlinkRequest request(RTM_DELQDISC, 0, Head(link, TC_H_INGRESS, kIngressHandle));
  return Gone(socket->Do(request));
}

NetlinkRequest RedirectRequest(int from, int to, std::string_view cookie) {
  tc_u32_sel everything{};  // no key: also what is too short for one
  everything.flags = TC_U32_TERMINAL;
  tc_mirred redirect{};
  redirect.action = TC_ACT_STOLEN;
  redirect.eaction = TCA_EGRESS_REDIR;
  redirect.ifindex = static_cast<std::uint32_t>(to);
  NetlinkRequest request(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL,
                         Head(from, kFilters, 0, TC_H_MAKE(kPriority << 16U, htons(ETH_P_ALL))));
  request.AddName(TCA_KIND, "u32").BeginNest(TCA_OPTIONS);
  request.Add(TCA_U32_SEL, Bytes(everything));
  request.BeginNest(TCA_U32_ACT).BeginNest(kFirstAction);
  request.AddName(TCA_ACT_KIND, "mirred").Add(TCA_ACT_COOKIE, cookie.substr(0, kCookieBytes));
  request.BeginNest(TCA_ACT_OPTIONS).Add(TCA_MIRRED_PARMS, Bytes(redirect)).EndNest();
  request.EndNest().EndNest().EndNest();
  return request;
}

Status AddRedirect(NetlinkSocket* socket, int from, int to, std::string_view cookie) {
  return socket->Do(RedirectRequest(from, to, cookie));
}

bool ParseIngressFilter(const NetlinkMessage& message, IngressFilter* ret_filter) {
  const auto head = message.As<tcmsg>();
  const NetlinkAttributes attributes = message.Attributes(sizeof head);
  if (message.type != RTM_NEWTFILTER || head.tcm_handle == 0) return false;
  const NetlinkAttributes options = ParseAttributes(BytesOf(attributes, TCA_OPTIONS));
  IngressFilter filter;
  filter.priority = TC_H_MAJ(head.tcm_info) >> 16U;
  if (NameOf(attributes, TCA_KIND) == "u32") {
    if (options.count(TCA_U32_DIVISOR) != 0) return false;  // a table of filters
    const NetlinkAttributes actions = ParseAttributes(BytesOf(options, TCA_U32_ACT));
    const NetlinkAttributes action = ParseAttributes(BytesOf(actions, kFirstAction));
    filter.cookie = std::string(BytesOf(action, TCA_ACT_COOKIE));
    const NetlinkAttributes parts = ParseAttributes(BytesOf(action, TCA_ACT_OPTIONS));
    const std::string_view parameters = BytesOf(parts, TCA_MIRRED_PARMS);
    if (NameOf(action, TCA_ACT_KIND) == "mirred" && parameters.size() >= sizeof(tc_mirred)) {
      tc_mirred redirect{};
      std::memcpy(&redirect, parameters.data(), sizeof redirect);
      filter.redirect_to = static_cast<int>(redirect.ifindex);
    }
  }
  *ret_filter = std::move(filter);
  return true;
}

Result<std::vector<IngressFilter>> ListIngressFilters(NetlinkSocket* socket, int link) {
  SHOJI_ASSIGN_OR_RETURN(const auto list, socket->List(NetlinkRequest(RTM_GETTFILTER, NLM_F_DUMP,
                                                                      Head(link, kFilters))));
  std::vector<IngressFilter> filters;
  for (const NetlinkMessage& message : list) {
    IngressFilter filter;
    if (ParseIngressFilter(message, &filter)) filters.push_back(std::move(filter));
  }
  return filters;
}

Status DeleteIngressFilters(NetlinkSocket* socket, int link, std::uint32_t priority) {
  NetlinkRequest request(RTM_DELTFILTER, 0, Head(link, kFilters, 0, priority << 16U));
  return Gone(socket->Do(request));
}

NetlinkRequest TokenBucketRequest(int link, std::uint32_t handle, const TokenBucket& bucket) {
  tc_tbf_qopt options{};
  options.rate = Rate(bucket.bytes_per_s);
  options.limit = bucket.queue_bytes;
  const bool peak = bucket.peak_bytes_per_s != 0;
  if (peak) options.peakrate = Rate(bucket.peak_bytes_per_s);
  NetlinkRequest request(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, Head(link, TC_H_ROOT, handle));
  request.AddName(TCA_KIND, "tbf").BeginNest(TCA_OPTIONS);
  request.Add(TCA_TBF_PARMS, Bytes(options));
  request.AddLongNumber(TCA_TBF_RATE64, bucket.bytes_per_s);
  request.AddNumber(TCA_TBF_BURST, bucket.burst_bytes);
  if (peak) {
    request.AddLongNumber(TCA_TBF_PRATE64, bucket.peak_bytes_per_s);
    request.AddNumber(TCA_TBF_PBURST, bucket.peak_burst_bytes);
  }
  return request.EndNest();
}

Status SetTokenBucket(NetlinkSocket* socket, int link, std::uint32_t handle,
                      const TokenBucket& bucket) {
  return socket->Do(TokenBucketRequest(link, handle, bucket));
}

Status DeleteRootQdisc(NetlinkSocket* socket, int link, std::uint32_t handle) {
  return Gone(socket->Do(NetlinkRequest(RTM_DELQDISC, 0, Head(link, TC_H_ROOT, handle))));
}

}  // namespace shoji::netlink
