#include "network.h"

#include <utility>

namespace shoji::network_none {
namespace {

constexpr std::string_view kState = "none/1 ";

}  // namespace

Result<std::string> NoLink::GuestConfig(const shoji_call*) {
  return std::string(R"({"interfaces":[],"routes":[],"neighbors":[]})");
}

Status NoLink::Limit(const shoji_call*, std::string_view nic_id, const sdk::NetworkLimits&) {
  return NotFound("sandbox " + sandbox_id_ + " has no interface \"" + std::string(nic_id) +
                  "\": its network is \"none\"");
}

Result<std::string> NoLink::SaveState() { return std::string(kState) + sandbox_id_; }

// The same object again for the same id: there is nothing that could be made twice.
Result<std::unique_ptr<sdk::NetworkLink>> NoNetwork::Join(const shoji_call*,
                                                          sdk::NetworkParams params) {
  return std::unique_ptr<sdk::NetworkLink>(new NoLink(std::move(params.sandbox_id)));
}

sdk::NetworkBase::Attached NoNetwork::Attach(const shoji_call*, std::string_view state) {
  if (!state.starts_with(kState)) {
    return {nullptr, DataLoss("this is no state of a network of none")};
  }
  return {std::make_unique<NoLink>(std::string(state.substr(kState.size()))), OkStatus()};
}

}  // namespace shoji::network_none
