// The plugin as a host sees it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shoji/plugin/network.h"
#include "shoji/sdk/testing/fake_host.h"

namespace {

using namespace shoji::sdk::testing;  // NOLINT: a test

TEST(Enlightened, SaysThatItIsNotSupportedAndWhatIs) {
  FakeHost host;
  const OpenedPlugin plugin(host, shoji_plugin_open_v1);
  const auto* table = plugin.Interface<shoji_network_v1>(SHOJI_NETWORK_V1);
  ASSERT_NE(table, nullptr);
  shoji_network* network = nullptr;
  FakeError error;
  EXPECT_EQ(table->open(plugin.self(), nullptr, &network, error.raw()), SHOJI_FAILED_PRECONDITION);
  EXPECT_EQ(network, nullptr);
  EXPECT_THAT(error.message, testing::HasSubstr("not supported by this hypervisor"));
  EXPECT_THAT(error.message, testing::HasSubstr("tcfilter"));
  EXPECT_EQ(error.details["reason"], "skip");
}

}  // namespace
