// For tests: a network plugin, opened as a host opens it, with the calls of its table.
//
// Threads  One.
// Example  Driver driver;
//          shoji_network_link* link = nullptr;
//          ASSERT_EQ(driver.Join("box", pod.path(), &link), SHOJI_OK) << driver.error.message;
#ifndef SHOJI_NETWORKS_COMMON_TESTING_DRIVER_H_
#define SHOJI_NETWORKS_COMMON_TESTING_DRIVER_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "shoji/plugin/network.h"
#include "shoji/sdk/testing/fake_host.h"

namespace shoji::network::testing {

using sdk::ToStr;
using sdk::View;

class Driver {
 public:
  explicit Driver(const std::vector<std::pair<std::string, std::string>>& options = {})
      : table(plugin_.Interface<shoji_network_v1>(SHOJI_NETWORK_V1)) {
    const sdk::testing::FakeOptions given(options);
    EXPECT_EQ(table->open(plugin_.self(), given.raw(), &network, error.raw()), SHOJI_OK)
        << error.message;
  }
  ~Driver() { table->close(network); }

  std::int32_t Join(const std::string& id, const std::string& netns, shoji_network_link** link,
                    std::uint32_t queues = 1, const shoji_call* call = nullptr) {
    shoji_network_params params{};
    params.struct_size = sizeof params;
    params.sandbox_id = ToStr(id);
    params.netns = ToStr(netns);
    params.run_dir = ToStr("/tmp");
    params.queues = queues;
    return table->join(network, call, &params, link, error.raw());
  }
  std::int32_t Leave(shoji_network_link* link) { return table->leave(link, nullptr, error.raw()); }
  std::int32_t Attach(const std::string& state, shoji_network_link** link) {
    return table->attach(network, nullptr, ToStr(state), link, error.raw());
  }
  std::string State(shoji_network_link* link) {
    sdk::testing::FakeSink state;
    EXPECT_EQ(table->save_state(link, state.raw(), error.raw()), SHOJI_OK) << error.message;
    return state.text();
  }
  std::string Config(shoji_network_link* link) {
    sdk::testing::FakeSink config;
    EXPECT_EQ(table->guest_config(link, nullptr, config.raw(), error.raw()), SHOJI_OK)
        << error.message;
    return config.text();
  }
  std::vector<shoji_nic> Nics(shoji_network_link* link) {
    std::vector<shoji_nic> nics;
    for (shoji_nic nic{};; nics.push_back(nic)) {
      nic.struct_size = sizeof nic;
      if (table->nic(link, static_cast<std::uint32_t>(nics.size()), &nic) != SHOJI_OK) return nics;
    }
  }
  std::int32_t Limit(shoji_network_link* link, const std::string& nic,
                     const shoji_network_limits& limits) {
    return table->limit(link, nullptr, ToStr(nic), &limits, error.raw());
  }
  const shoji_network_interface_v1* Changes(shoji_network_link* link) {
    return static_cast<const shoji_network_interface_v1*>(
        table->get_extension(link, SHOJI_NETWORK_INTERFACE_V1));
  }

 private:
  sdk::testing::FakeHost host_;
  sdk::testing::OpenedPlugin plugin_{host_, shoji_plugin_open_v1};

 public:
  const shoji_network_v1* const table;
  shoji_network* network = nullptr;
  sdk::testing::FakeError error;
};

}  // namespace shoji::network::testing

#endif  // SHOJI_NETWORKS_COMMON_TESTING_DRIVER_H_
