#include "request/container_stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace shoji {
namespace {

using ::testing::HasSubstr;

constexpr const char* kFull = R"({
  "cgroup_stats": {
    "cpu_stats": {
      "cpu_usage": {"total_usage": "18446744073709551615", "usage_in_kernelmode": 2,
                    "usage_in_usermode": 3, "percpu_usage": ["1"]},
      "throttling_data": {"periods": 9, "throttled_periods": "4", "throttled_time": 5}},
    "memory_stats": {
      "cache": 6,
      "usage": {"usage": 7, "max_usage": 8, "failcnt": 9, "limit": "9223372036854771712"},
      "swap_usage": {"usage": 10}, "stats": {"anon": 1}},
    "pids_stats": {"current": 11, "limit": 12},
    "blkio_stats": {
      "io_service_bytes_recursive": [
        {"major": 8, "minor": 0, "op": "Read", "value": "100"},
        {"major": 8, "minor": 16, "op": "read", "value": 1},
        {"major": 8, "minor": 0, "op": "Write", "value": 20},
        {"major": 8, "minor": 0, "op": "Total", "value": 999}],
      "io_serviced_recursive": [{"op": "Read", "value": 3}, {"op": "Write", "value": 4}]}},
  "network_stats": [{"name": "eth0", "rx_bytes": "1", "rx_packets": 2, "rx_errors": 3,
                     "rx_dropped": 4, "tx_bytes": 5, "tx_packets": 6, "tx_errors": 7,
                     "tx_dropped": 8}]})";

TEST(ContainerStats, EveryFieldHasItsPlace) {
  const auto stats = ParseContainerStats(kFull);
  ASSERT_TRUE(stats.ok()) << stats.status().message();
  EXPECT_EQ(stats->cpu_ns, 18446744073709551615U);
  EXPECT_EQ(stats->cpu_system_ns, 2U);
  EXPECT_EQ(stats->cpu_user_ns, 3U);
  EXPECT_EQ(stats->throttled_periods, 4U);
  EXPECT_EQ(stats->throttled_ns, 5U);
  EXPECT_EQ(stats->memory_cache_bytes, 6U);
  EXPECT_EQ(stats->memory_bytes, 7U);
  EXPECT_EQ(stats->memory_max_bytes, 8U);
  EXPECT_EQ(stats->memory_failures, 9U);
  EXPECT_EQ(stats->memory_limit_bytes, 0U);  // what a cgroup without one says
  EXPECT_EQ(stats->swap_bytes, 10U);
  EXPECT_EQ(stats->pids, 11U);
  EXPECT_EQ(stats->pids_limit, 12U);
  EXPECT_EQ(stats->block_read_bytes, 101U);
  EXPECT_EQ(stats->block_write_bytes, 20U);
  EXPECT_EQ(stats->block_read_ops, 3U);
  EXPECT_EQ(stats->block_write_ops, 4U);
  ASSERT_EQ(stats->interfaces.size(), 1U);
  const InterfaceStats& eth = stats->interfaces[0];
  EXPECT_EQ(eth.name, "eth0");
  EXPECT_EQ(eth.rx_bytes + eth.rx_packets * 10 + eth.rx_errors * 100 + eth.rx_dropped * 1000,
            4321U);
  EXPECT_EQ(eth.tx_bytes + eth.tx_packets * 10 + eth.tx_errors * 100 + eth.tx_dropped * 1000,
            8765U);
}

TEST(ContainerStats, WhatIsAbsentIsZero) {
  for (const char* text : {"{}", R"({"cgroup_stats": null, "network_stats": null})",
                           R"({"cgroup_stats": {"cpu_stats": {"cpu_usage": {}}}})"}) {
    const auto stats = ParseContainerStats(text);
    ASSERT_TRUE(stats.ok()) << stats.status().message();
    EXPECT_EQ(stats->cpu_ns, 0U);
    EXPECT_TRUE(stats->interfaces.empty());
  }
}

TEST(ContainerStats, ALyingGuestIsToldApart) {
  const struct {
    const char* text;
    const char* message;
  } kBad[] = {
      {"", "unusable"},
      {"{", "unusable"},
      {"[]", "its whole is no object"},
      {R"({"cgroup_stats": 1})", "its cgroup_stats is no object"},
      {R"({"cgroup_stats": {"pids_stats": {"current": -1}}})", "its current is no number"},
      {R"({"cgroup_stats": {"pids_stats": {"current": "12x"}}})", "its current is no number"},
      {R"({"cgroup_stats": {"pids_stats": {"current": ""}}})", "its current is no number"},
      {R"({"cgroup_stats": {"pids_stats": {"limit": 1.5}}})", "its limit is no number"},
      {R"({"cgroup_stats": {"blkio_stats": {"io_serviced_recursive": [1]}}})", "list of objects"},
      {R"({"cgroup_stats": {"blkio_stats": {"io_serviced_recursive": {}}}})", "is no list"},
      {R"({"network_stats": ["eth0"]})", "network_stats is no list of objects"},
      {R"({"network_stats": [{"name": 1}]})", "its name is no text"},
  };
  for (const auto& bad : kBad) {
    const auto stats = ParseContainerStats(bad.text);
    EXPECT_EQ(stats.status().code(), StatusCode::kInternal) << bad.text;
    EXPECT_THAT(stats.status().message(), HasSubstr(bad.message)) << bad.text;
  }
  EXPECT_FALSE(ParseContainerStats(std::string(1'000'000, '[')).ok());
}

}  // namespace
}  // namespace shoji
