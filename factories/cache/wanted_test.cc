#include "wanted.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>

#include "shoji/base/file.h"
#include "shoji/sdk/testing/fake_host.h"

namespace shoji::cache {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class WantedTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string path = "/tmp/wanted-test-XXXXXX";
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    dir_ = path;
    kernel_ = dir_ + "/kernel";
    ASSERT_TRUE(WriteFile(kernel_, "one").ok());
    host_.AddPlugin("hypervisor", "h", SHOJI_HYPERVISOR_V1, &hypervisors_, nullptr, &options_);
    host_.AddPlugin("agent", "a", SHOJI_AGENT_V1, &agents_);
    config_.struct_size = sizeof config_;
    config_.vcpus = 1;
    config_.memory_bytes = 256U << 20U;
    config_.kernel = sdk::ToStr(kernel_);
    config_.kernel_params = sdk::ToStr("quiet");
    config_.id = sdk::ToStr("web");
    config_.run_dir = sdk::ToStr("/run/web/vm");
    config_.shares = &shares_;
    config_.share_count = 1;
    request_.struct_size = sizeof request_;
    request_.hypervisor_id = sdk::ToStr("h");
    request_.agent_id = sdk::ToStr("a");
    request_.proxy_id = sdk::ToStr("p");
    request_.hypervisor = reinterpret_cast<shoji_hypervisor*>(this);
    request_.config = &config_;
  }
  void TearDown() override { EXPECT_TRUE(RemoveTree(dir_).ok()); }

  Wanted Make() {
    auto wanted = Wanted::Of(sdk::Host(host_.raw()), request_, nullptr);
    EXPECT_TRUE(wanted.ok()) << wanted.status().message();
    return wanted.ok() ? *wanted : Wanted();
  }
  // What a request that `change` alters says of a VM made for the original.
  std::string After(const std::function<void()>& change, const Abilities& abilities = {}) {
    const Wanted made = Make();
    change();
    return Make().Mismatch(made, abilities);
  }

  sdk::testing::FakeHost host_;
  std::string dir_;
  std::string kernel_;
  shoji_hypervisor_v1 hypervisors_{};
  shoji_agent_v1 agents_{};
  shoji_option values_[2] = {{sdk::ToStr("machine"), sdk::ToStr("q35")},
                             {sdk::ToStr("memory"), sdk::ToStr("256")}};
  shoji_options options_{sizeof(shoji_options), 2, values_};
  shoji_share share_{sizeof(shoji_share), 0, sdk::ToStr("kataShared"), sdk::ToStr("/run/web/s")};
  const shoji_share* shares_ = &share_;
  shoji_vm_config config_{};
  shoji_vm_request request_{};
};

TEST_F(WantedTest, NamesPathsProxiesAndSmallerSizesDoNotCount) {
  EXPECT_THAT(After([&] {
                config_.id = sdk::ToStr("other");
                config_.run_dir = sdk::ToStr("/run/other/vm");
                share_.host_path = sdk::ToStr("/run/other/s");
                request_.proxy_id = sdk::ToStr("another");
                config_.memory_bytes = 128U << 20U;
                values_[1].value = sdk::ToStr("128");
              }),
              IsEmpty());
}

TEST_F(WantedTest, WhatDiffersIsNamed) {
  EXPECT_THAT(After([&] { config_.kernel_params = sdk::ToStr("loud"); }),
              HasSubstr("kernel_params"));
  EXPECT_THAT(After([&] { values_[0].value = sdk::ToStr("microvm"); }), HasSubstr("machine"));
  EXPECT_THAT(After([&] { options_.count = 1; }), IsEmpty()) << "the default size";
  EXPECT_THAT(After([&] { config_.flags = SHOJI_VM_MEMORY_FILE; }), HasSubstr("flags"));
  EXPECT_THAT(After([&] { share_.tag = sdk::ToStr("t"); }), HasSubstr("shares"));
  EXPECT_THAT(After([&] { config_.share_count = 0; }), HasSubstr("shares"));
  EXPECT_THAT(After([&] { request_.hypervisor = reinterpret_cast<shoji_hypervisor*>(&share_); }),
              HasSubstr("instance"));
}

TEST_F(WantedTest, AFileThatWasReplacedIsAnotherOne) {
  EXPECT_THAT(After([&] { ASSERT_TRUE(WriteFileAtomic(kernel_, "two").ok()); }),
              HasSubstr("content of kernel"));
}

TEST_F(WantedTest, WhatCannotBePluggedCounts) {
  const auto more_cpus = [&] { ++config_.vcpus; };
  const auto more_memory = [&] { config_.memory_bytes *= 2; };
  const auto a_device = [&] { ++config_.device_count; };
  EXPECT_THAT(After(more_cpus), HasSubstr("vCPUs"));
  EXPECT_THAT(After(more_memory), HasSubstr("memory"));
  EXPECT_THAT(After(a_device), HasSubstr("devices"));
  EXPECT_THAT(After(more_cpus, {true, true}), IsEmpty());
  EXPECT_THAT(After(more_memory, {true, true}), IsEmpty());
  EXPECT_THAT(After(a_device, {true, true}), IsEmpty());
}

TEST_F(WantedTest, SurvivesTheWire) {
  const Wanted wanted = Make();
  const auto offer = Offer::FromJson(wanted.ToJson({true, false}));
  ASSERT_TRUE(offer.ok());
  EXPECT_THAT(wanted.Mismatch(offer->made, offer->abilities), IsEmpty());
  EXPECT_TRUE(offer->abilities.hotplug);
  EXPECT_FALSE(offer->abilities.resize);
  EXPECT_EQ(offer->made.memory_bytes(), 256U << 20U);
  for (const char* const bad : {"", "[]", "{}", "{\"fields\": 3}", "\xff"}) {
    EXPECT_EQ(Offer::FromJson(bad).status().code(), StatusCode::kDataLoss) << bad;
  }
}

TEST_F(WantedTest, TheRequestForAWaitingVmHasItsOwnPaths) {
  const RequestFor made(Make(), "held-1", "/run/shoji/factory/held-1");
  const shoji_vm_config& config = *made.get().config;
  EXPECT_EQ(sdk::View(config.id), "held-1");
  EXPECT_EQ(sdk::View(config.run_dir), "/run/shoji/factory/held-1/vm");
  ASSERT_EQ(config.share_count, 1U);
  EXPECT_EQ(sdk::View(config.shares[0]->host_path), "/run/shoji/factory/held-1/share");
  EXPECT_EQ(sdk::View(config.shares[0]->tag), "kataShared");
  EXPECT_EQ(sdk::View(config.kernel), kernel_);
  EXPECT_EQ(config.device_count, 0U);
}

TEST_F(WantedTest, ARequestWithoutHypervisorIsRefused) {
  request_.hypervisor = nullptr;
  EXPECT_EQ(Wanted::Of(sdk::Host(host_.raw()), request_, nullptr).status().code(),
            StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace shoji::cache
