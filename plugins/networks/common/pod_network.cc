#include "pod_network.h"

#include <optional>

#include "pod_link.h"
#include "shoji/sdk/wait.h"

namespace shoji::network {
namespace {

Status ConnectAll(const shoji_call* call, PodLink* link, Site* site,
                  const std::vector<std::string>& skip) {
  SHOJI_ASSIGN_OR_RETURN(const auto links, netlink::ListLinks(&site->socket));
  SHOJI_ASSIGN_OR_RETURN(const auto addresses, netlink::ListAddresses(&site->socket));
  for (const netlink::Link& usable : Usable(links, addresses, skip)) {
    SHOJI_RETURN_IF_ERROR(sdk::CheckCall(call, "joining " + site->Name(usable.name)));
    SHOJI_RETURN_IF_ERROR(link->Connect(site, usable));
  }
  return sdk::CheckCall(call, "joining network namespace \"" + site->pod->path() + "\"");
}

Status MarkAll(Site* site) {
  SHOJI_ASSIGN_OR_RETURN(const std::vector<MarkedPort> marked, ListMarked(site));
  for (const MarkedPort& other : marked) {
    if (other.mark.sandbox_id != site->sandbox_id) continue;
    SHOJI_RETURN_IF_ERROR(MarkWhole(site, other.port));
  }
  return OkStatus();
}

Status CheckId(const std::string& id) {
  if (!id.empty() && id.size() <= kMaxSandboxId) return OkStatus();
  return InvalidArgument("sandbox id \"" + id + "\" has " + std::to_string(id.size()) +
                         " bytes; 1 to " + std::to_string(kMaxSandboxId) + " are allowed");
}

// Whether anything of the link is left in its namespace.
Result<bool> IsLeft(PodLink* link, const LinkState& state) {
  if (state.ports.empty()) return true;
  SHOJI_ASSIGN_OR_RETURN(Site site, link->OpenSite());
  SHOJI_ASSIGN_OR_RETURN(const std::vector<MarkedPort> marked, ListMarked(&site));
  for (const MarkedPort& other : marked) {
    if (other.mark.sandbox_id == state.sandbox_id && other.mark.model == state.model) return true;
  }
  return false;
}

}  // namespace

PodOptions PodOptions::From(const sdk::OptionMap& options) {
  return {options.Get("vhost") != "false", options.GetList("skip")};
}

Result<std::unique_ptr<sdk::NetworkLink>> PodNetworkBase::Join(const shoji_call* call,
                                                               sdk::NetworkParams params) {
  SHOJI_RETURN_IF_ERROR(CheckId(params.sandbox_id));
  LinkState state{model_->id(), params.sandbox_id, params.netns, params.queues, {}};
  if (params.netns.empty()) {
    return std::unique_ptr<sdk::NetworkLink>(
        new PodLink(model_, std::move(state), std::nullopt, options_.vhost));
  }
  SHOJI_RETURN_IF_ERROR(sdk::CheckCall(call, "joining network namespace \"" + params.netns + "\""));
  SHOJI_ASSIGN_OR_RETURN(netlink::NetNamespace pod, OpenPodNamespace(params.netns));
  auto link = std::make_unique<PodLink>(model_, std::move(state), std::move(pod), options_.vhost);
  SHOJI_ASSIGN_OR_RETURN(Site site, link->OpenSite());
  SHOJI_RETURN_IF_ERROR(ClearLeftovers(&site, *model_));
  Status joined = ConnectAll(call, link.get(), &site, options_.skip);
  if (joined.ok()) joined = MarkAll(&site);
  if (joined.ok()) return std::unique_ptr<sdk::NetworkLink>(std::move(link));
  // In any case, also when the time is up.
  const Status undone = link->Undo(nullptr);
  if (undone.ok()) return joined;
  return Status(joined.code(),
                joined.message() + "; and not all could be undone: " + undone.message());
}

sdk::NetworkBase::Attached PodNetworkBase::Attach(const shoji_call* call, std::string_view text) {
  Status going = sdk::CheckCall(call, "attaching to a network");
  if (!going.ok()) return {nullptr, std::move(going)};
  auto state = ParseLinkState(text, model_->id());
  if (!state.ok()) return {nullptr, state.status()};
  std::optional<netlink::NetNamespace> pod;
  Status found;
  if (!state->netns.empty()) {
    auto opened = OpenPodNamespace(state->netns);
    if (opened.ok()) pod.emplace(std::move(*opened));
    found = opened.status();
  }
  // The host's own is not it: the path leads elsewhere by now.
  const bool gone =
      found.code() == StatusCode::kNotFound || found.code() == StatusCode::kFailedPrecondition;
  if (!found.ok() && !gone) return {nullptr, std::move(found)};
  auto link = std::make_unique<PodLink>(model_, *state, std::move(pod), options_.vhost);
  if (gone) return {std::move(link), NotFound(found.message())};
  auto left = IsLeft(link.get(), *state);
  if (!left.ok()) return {nullptr, left.status()};
  if (*left) return {std::move(link), OkStatus()};
  return {std::move(link), NotFound("nothing of sandbox " + state->sandbox_id +
                                    " is left in network namespace \"" + state->netns + "\"")};
}

}  // namespace shoji::network
