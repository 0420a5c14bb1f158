#include "plugin/metrics.h"

#include <bit>

namespace shoji {
namespace {

constexpr std::string_view kDropped = "metrics_dropped";
constexpr std::size_t kBuckets = 65;  // 0 to 64 significant bits

bool IsMetricName(std::string_view name) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789_";
  return !name.empty() && name.size() <= 64 && name != kDropped &&
         name.find_first_not_of(kAllowed) == std::string_view::npos;
}

}  // namespace

Metric* MetricSet::Find(std::string_view name, Metric::Type type) {
  auto it = metrics_.find(name);
  if (it == metrics_.end() && IsMetricName(name) && metrics_.size() < kMaxNames) {
    Metric fresh;
    fresh.name = name;
    fresh.type = type;
    if (type == Metric::Type::kHistogram) fresh.buckets.resize(kBuckets);
    it = metrics_.emplace(name, std::move(fresh)).first;
  }
  if (it != metrics_.end() && it->second.type == type) return &it->second;
  ++dropped_;
  return nullptr;
}

void MetricSet::Count(std::string_view name, std::uint64_t delta) {
  const MutexLock lock(mutex_);
  if (Metric* metric = Find(name, Metric::Type::kCounter)) metric->count += delta;
}

void MetricSet::Gauge(std::string_view name, std::int64_t value) {
  const MutexLock lock(mutex_);
  if (Metric* metric = Find(name, Metric::Type::kGauge)) metric->gauge = value;
}

void MetricSet::Observe(std::string_view name, std::uint64_t value) {
  const MutexLock lock(mutex_);
  Metric* metric = Find(name, Metric::Type::kHistogram);
  if (metric == nullptr) return;
  ++metric->count;
  metric->sum += value;
  ++metric->buckets[static_cast<std::size_t>(std::bit_width(value))];
}

std::vector<Metric> MetricSet::Values() const {
  const MutexLock lock(mutex_);
  std::vector<Metric> out;
  for (const auto& [name, metric] : metrics_) out.push_back(metric);
  if (dropped_ == 0) return out;
  Metric dropped;
  dropped.name = kDropped;
  dropped.count = dropped_;
  out.push_back(std::move(dropped));
  return out;
}

}  // namespace shoji
