// The counters, gauges and histograms of one plugin.
//
// Purpose  What plugins tell through shoji.metrics/1, kept in the host. Bounded: names
//          beyond the first 256, names that are none, and a name used as another type than
//          at first are dropped, and the drops counted as "metrics_dropped".
// Threads  Safe.
// Example  set.Count("saves", 1);  set.Values()[0].count == 1
#ifndef SHOJI_CORE_PLUGIN_METRICS_H_
#define SHOJI_CORE_PLUGIN_METRICS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "shoji/base/thread_annotations.h"
#include "shoji/types.h"

namespace shoji {

class MetricSet {
 public:
  static constexpr std::size_t kMaxNames = 256;

  void Count(std::string_view name, std::uint64_t delta) SHOJI_EXCLUDES(mutex_);
  void Gauge(std::string_view name, std::int64_t value) SHOJI_EXCLUDES(mutex_);
  void Observe(std::string_view name, std::uint64_t value) SHOJI_EXCLUDES(mutex_);

  // In the order of names; `kind` and `id` are left to the caller.
  std::vector<Metric> Values() const SHOJI_EXCLUDES(mutex_);

 private:
  // The metric, made if need be; null when it has to be dropped.
  Metric* Find(std::string_view name, Metric::Type type) SHOJI_REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::map<std::string, Metric, std::less<>> metrics_ SHOJI_GUARDED_BY(mutex_);
  std::uint64_t dropped_ SHOJI_GUARDED_BY(mutex_) = 0;
};

}  // namespace shoji

#endif  // SHOJI_CORE_PLUGIN_METRICS_H_
