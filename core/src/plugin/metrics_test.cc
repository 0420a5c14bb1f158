#include "plugin/metrics.h"

#include <gtest/gtest.h>

#include <limits>
#include <thread>

namespace shoji {
namespace {

constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

TEST(Metrics, HistogramsCountBySignificantBits) {
  MetricSet set;
  for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{255}, kMax}) {
    set.Observe("bytes", value);
  }
  const auto values = set.Values();
  ASSERT_EQ(values.size(), 1U);
  EXPECT_EQ(values[0].type, Metric::Type::kHistogram);
  EXPECT_EQ(values[0].count, 4U);
  EXPECT_EQ(values[0].sum, 255U) << "wraps around";
  ASSERT_EQ(values[0].buckets.size(), 65U);
  for (const std::size_t bucket : {0U, 1U, 8U, 64U}) EXPECT_EQ(values[0].buckets[bucket], 1U);
}

TEST(Metrics, WhatIsNoMetricIsDroppedAndCounted) {
  MetricSet set;
  for (const std::string& name : {std::string(), std::string("Big"), std::string("a b"),
                                  std::string(65, 'a'), std::string("metrics_dropped")}) {
    set.Count(name, 1);
  }
  set.Count("a", 1);
  set.Observe("a", 1);
  const auto values = set.Values();
  ASSERT_EQ(values.size(), 2U);
  EXPECT_EQ(values[0].count, 1U);
  EXPECT_EQ(values[1].name, "metrics_dropped");
  EXPECT_EQ(values[1].count, 6U);
}

TEST(Metrics, TheNumberOfNamesIsBounded) {
  MetricSet set;
  for (int i = 0; i < 1000; ++i) set.Gauge("g" + std::to_string(i), i);
  const auto values = set.Values();
  EXPECT_EQ(values.size(), MetricSet::kMaxNames + 1);
  EXPECT_EQ(values.back().count, 1000 - MetricSet::kMaxNames);
}

TEST(Metrics, ManyThreadsLoseNothing) {
  MetricSet set;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&set] {
      for (int i = 0; i < 1000; ++i) set.Count("n", 1);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(set.Values().at(0).count, 4000U);
}

}  // namespace
}  // namespace shoji
