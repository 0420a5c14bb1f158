// The plugin as a host sees it.
#include "shoji/plugin/network.h"

#include <gtest/gtest.h>

#include "shoji/sdk/testing/fake_host.h"

namespace {

using shoji::sdk::ToStr;
using namespace shoji::sdk::testing;  // NOLINT: a test

class NoneTest : public testing::Test {
 protected:
  void SetUp() override {
    table_ = plugin_.Interface<shoji_network_v1>(SHOJI_NETWORK_V1);
    ASSERT_NE(table_, nullptr);
    ASSERT_EQ(table_->open(plugin_.self(), nullptr, &network_, error_.raw()), SHOJI_OK);
  }
  void TearDown() override { table_->close(network_); }
  shoji_network_link* Join(const std::string& netns) {
    shoji_network_params params{};
    params.struct_size = sizeof params;
    params.sandbox_id = ToStr("s1");
    params.netns = ToStr(netns);
    params.queues = 4;
    shoji_network_link* link = nullptr;
    EXPECT_EQ(table_->join(network_, nullptr, &params, &link, error_.raw()), SHOJI_OK);
    return link;
  }
  void CheckEmpty(shoji_network_link* link) {
    shoji_nic nic{};
    nic.struct_size = sizeof nic;
    EXPECT_EQ(table_->nic(link, 0, &nic), SHOJI_OUT_OF_RANGE);
    FakeSink config;
    EXPECT_EQ(table_->guest_config(link, nullptr, config.raw(), error_.raw()), SHOJI_OK);
    EXPECT_EQ(config.text(), R"({"interfaces":[],"routes":[],"neighbors":[]})");
    EXPECT_EQ(table_->get_extension(link, SHOJI_NETWORK_INTERFACE_V1), nullptr);
    shoji_network_limits limits{};
    limits.struct_size = sizeof limits;
    EXPECT_EQ(table_->limit(link, nullptr, ToStr("eth0"), &limits, error_.raw()), SHOJI_NOT_FOUND);
  }

  FakeHost host_;
  FakeError error_;
  OpenedPlugin plugin_{host_, shoji_plugin_open_v1};
  const shoji_network_v1* table_ = nullptr;
  shoji_network* network_ = nullptr;
};

TEST_F(NoneTest, AnyNamespaceGivesNoInterface) {
  for (const char* netns : {"", "/proc/self/ns/net", "/not/there"}) {
    shoji_network_link* link = Join(netns);
    ASSERT_NE(link, nullptr);
    CheckEmpty(link);
    EXPECT_EQ(table_->leave(link, nullptr, error_.raw()), SHOJI_OK);
  }
}

TEST_F(NoneTest, AnotherProcessTakesItOver) {
  shoji_network_link* link = Join("");
  ASSERT_NE(link, nullptr);
  FakeSink state;
  ASSERT_EQ(table_->save_state(link, state.raw(), error_.raw()), SHOJI_OK);
  table_->close_link(link);
  shoji_network_link* again = nullptr;
  ASSERT_EQ(table_->attach(network_, nullptr, ToStr(state.text()), &again, error_.raw()), SHOJI_OK);
  CheckEmpty(again);
  EXPECT_EQ(table_->leave(again, nullptr, error_.raw()), SHOJI_OK);
  again = nullptr;
  EXPECT_EQ(table_->attach(network_, nullptr, ToStr("rubbish"), &again, error_.raw()),
            SHOJI_DATA_LOSS);
  EXPECT_EQ(again, nullptr);
}

}  // namespace
