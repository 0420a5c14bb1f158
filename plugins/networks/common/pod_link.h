// One sandbox, joined to its pod's namespace.
//
// Threads  As shoji/sdk/network.h: the list of ports is behind a lock, changes come one at a time.
#ifndef SHOJI_NETWORKS_COMMON_POD_LINK_H_
#define SHOJI_NETWORKS_COMMON_POD_LINK_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "link_state.h"
#include "ports.h"
#include "shoji/base/thread_annotations.h"
#include "shoji/netlink/namespace.h"
#include "shoji/sdk/network.h"

namespace shoji::network {

class PodLink : public sdk::NetworkLink {
 public:
  // `pod`: nothing where there is no namespace (any more). `state.ports` are known by name only.
  PodLink(std::shared_ptr<const Model> model, LinkState state,
          std::optional<netlink::NetNamespace> pod, bool vhost);

  // Puts the VM behind one more interface; for Join(). Not yet marked as whole.
  Status Connect(Site* site, const netlink::Link& link);
  // All that was connected; for a Join() that failed.
  Status Undo(const shoji_call* call);
  Result<Site> OpenSite() const;

  const sdk::Nic* NicAt(std::uint32_t index) const override;
  Result<std::string> GuestConfig(const shoji_call* call) override;
  Status Limit(const shoji_call* call, std::string_view nic_id,
               const sdk::NetworkLimits& limits) override;
  Result<std::string> SaveState() override;
  Status Leave(const shoji_call* call) override;
  Result<const sdk::Nic*> Add(const shoji_call* call, std::string_view name);
  Status Remove(const shoji_call* call, std::string_view nic_id);
  const void* Extension(std::string_view id) override {
    return sdk::NetworkLinkExtension<PodLink>(id);
  }

 private:
  // What the host was told about a port stays until the link goes.
  struct Entry {
    OpenPort open;
    sdk::Nic nic;
  };
  std::vector<Port> Ports() const SHOJI_EXCLUDES(mutex_);
  std::optional<Port> FindPort(std::string_view name) const SHOJI_EXCLUDES(mutex_);
  void Drop(const Port& port) SHOJI_EXCLUDES(mutex_);
  const sdk::Nic* Take(OpenPort open) SHOJI_EXCLUDES(mutex_);
  Status NoInterface(std::string_view name) const;

  const std::shared_ptr<const Model> model_;
  const LinkState state_;  // but for the ports
  const std::optional<netlink::NetNamespace> pod_;
  const bool vhost_;
  mutable Mutex mutex_;
  std::vector<std::unique_ptr<Entry>> entries_ SHOJI_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<Entry>> gone_ SHOJI_GUARDED_BY(mutex_);
};

}  // namespace shoji::network

#endif  // SHOJI_NETWORKS_COMMON_POD_LINK_H_
