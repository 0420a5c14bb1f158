// Typed wrappers over plugins of kind network, as interfaces.h for the other kinds.
//
// Threads  As the slots behind them: Limit(), Add() and Remove() on one link take turns, all others
//          may run side by side.
// Life     A link must be destroyed before its Network. Destroying it leaves the network as
//          it is; Leave() undoes what Join() did.
// Example  SHOJI_ASSIGN_OR_RETURN(auto link, network->Join(call, params));
//          SHOJI_ASSIGN_OR_RETURN(std::vector<Nic> nics, link->Nics());
#ifndef SHOJI_CORE_PLUGIN_NETWORK_H_
#define SHOJI_CORE_PLUGIN_NETWORK_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/call.h"
#include "shoji/plugin/network.h"
#include "shoji/status.h"

namespace shoji {

// One interface for the VM. The descriptors belong to the link.
struct Nic {
  std::string id;
  std::string mac;
  std::uint32_t mtu = 0;       // 0: default
  std::vector<int> tap_fds;    // one for each queue
  std::vector<int> vhost_fds;  // as many; -1: no vhost
};

// 0: no limit.
struct NetworkLimits {
  std::uint64_t rx_bytes_per_s = 0;
  std::uint64_t rx_burst_bytes = 0;
  std::uint64_t rx_peak_bytes_per_s = 0;
  std::uint64_t tx_bytes_per_s = 0;
  std::uint64_t tx_burst_bytes = 0;
  std::uint64_t tx_peak_bytes_per_s = 0;
};

class NetworkLink {
 public:
  NetworkLink(const shoji_network_v1* table, shoji_network_link* handle,
              std::string name = "network");
  ~NetworkLink();
  NetworkLink(const NetworkLink&) = delete;
  NetworkLink& operator=(const NetworkLink&) = delete;

  Result<std::vector<Nic>> Nics();
  // JSON for the agent.
  Result<std::string> GuestConfig(const Call& call);
  Status Limit(const Call& call, std::string_view nic_id, const NetworkLimits& limits);
  Result<std::string> SaveState();
  Status Leave(const Call& call);  // the handle is gone afterwards

  // Whether interfaces may come and go; Add() and Remove() are UNIMPLEMENTED otherwise.
  bool can_change() const { return interface_ != nullptr; }
  Result<Nic> Add(const Call& call, std::string_view name);
  Status Remove(const Call& call, std::string_view nic_id);

 private:
  const shoji_network_v1* table_;
  shoji_network_link* handle_;
  std::string name_;
  const shoji_network_interface_v1* interface_;  // null: not offered
};

class Network {
 public:
  Network(const shoji_network_v1* table, shoji_network* handle, std::string name = "network");
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  struct Params {
    std::string sandbox_id;
    std::string netns;  // empty: no network
    std::string run_dir;
    std::uint32_t queues = 1;
  };
  Result<std::unique_ptr<NetworkLink>> Join(const Call& call, const Params& params);
  // `gone`: nothing of it is left; Leave() the link to clean up.
  struct Attached {
    std::unique_ptr<NetworkLink> link;
    bool gone = false;
  };
  Result<Attached> Attach(const Call& call, std::string_view state);

 private:
  const shoji_network_v1* table_;
  shoji_network* handle_;
  std::string name_;
};

}  // namespace shoji

#endif  // SHOJI_CORE_PLUGIN_NETWORK_H_
