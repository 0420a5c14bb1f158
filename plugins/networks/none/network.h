// Network without interfaces: the guest has its loopback device and nothing else, whatever the
// pod's namespace has. Nothing is changed, so there is nothing to undo.
//
// Threads  Any; no state.
#ifndef SHOJI_NETWORKS_NONE_NETWORK_H_
#define SHOJI_NETWORKS_NONE_NETWORK_H_

#include <memory>
#include <string>
#include <string_view>

#include "shoji/sdk/network.h"

namespace shoji::network_none {

class NoLink : public sdk::NetworkLink {
 public:
  explicit NoLink(std::string sandbox_id) : sandbox_id_(std::move(sandbox_id)) {}
  Result<std::string> GuestConfig(const shoji_call* call) override;
  Status Limit(const shoji_call* call, std::string_view nic_id,
               const sdk::NetworkLimits& limits) override;
  Result<std::string> SaveState() override;
  Status Leave(const shoji_call*) override { return OkStatus(); }

 private:
  const std::string sandbox_id_;
};

class NoNetwork : public sdk::NetworkBase {
 public:
  static Result<std::unique_ptr<sdk::NetworkBase>> Open(const sdk::Host&, const sdk::OptionMap&) {
    return std::unique_ptr<sdk::NetworkBase>(new NoNetwork);
  }
  Result<std::unique_ptr<sdk::NetworkLink>> Join(const shoji_call* call,
                                                 sdk::NetworkParams params) override;
  Attached Attach(const shoji_call* call, std::string_view state) override;
};

}  // namespace shoji::network_none

#endif  // SHOJI_NETWORKS_NONE_NETWORK_H_
