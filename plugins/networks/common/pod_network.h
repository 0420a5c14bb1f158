// A network plugin that puts a tap beside each interface of the pod; the model says how they are
// joined.
//
// Purpose  Everything of shoji.network/1 that is the same for all such models: which interfaces,
//          the taps, what the guest is told, limits, the saved state, and undoing.
// Life     What is made in the namespace carries marks (site.h), so that it is found by whoever
//          comes later, also when its maker was killed midway: leave() undoes what has the
//          sandbox's mark, join() what was left over by somebody and is held by nobody.
// Threads  As shoji/sdk/network.h.
// Example  interfaces.Add(SHOJI_NETWORK_V1, sdk::NetworkTable<PodNetwork<TcFilter>>());
#ifndef SHOJI_NETWORKS_COMMON_POD_NETWORK_H_
#define SHOJI_NETWORKS_COMMON_POD_NETWORK_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model.h"
#include "shoji/sdk/network.h"
#include "tap.h"

namespace shoji::network {

struct PodOptions {
  bool vhost = true;              // use /dev/vhost-net where it exists
  std::vector<std::string> skip;  // names of interfaces that stay with the pod's namespace

  static PodOptions From(const sdk::OptionMap& options);
};

class PodNetworkBase : public sdk::NetworkBase {
 public:
  PodNetworkBase(sdk::Host host, std::shared_ptr<const Model> model, PodOptions options)
      : host_(std::move(host)), model_(std::move(model)), options_(std::move(options)) {}

  Result<std::unique_ptr<sdk::NetworkLink>> Join(const shoji_call* call,
                                                 sdk::NetworkParams params) override;
  Attached Attach(const shoji_call* call, std::string_view state) override;

 private:
  const sdk::Host host_;
  const std::shared_ptr<const Model> model_;
  const PodOptions options_;
};

template <typename M>
class PodNetwork : public PodNetworkBase {
 public:
  using PodNetworkBase::PodNetworkBase;
  static Result<std::unique_ptr<sdk::NetworkBase>> Open(const sdk::Host& host,
                                                        const sdk::OptionMap& options) {
    SHOJI_RETURN_IF_ERROR(CheckTun());
    return std::unique_ptr<sdk::NetworkBase>(
        new PodNetwork(host, std::make_shared<const M>(), PodOptions::From(options)));
  }
};

}  // namespace shoji::network

#endif  // SHOJI_NETWORKS_COMMON_POD_NETWORK_H_
