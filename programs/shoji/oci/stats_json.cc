#include "oci/stats_json.h"

#include <nlohmann/json.hpp>

namespace shoji::cli {
namespace {

using nlohmann::ordered_json;

ordered_json Cpu(const ContainerStats& s) {
  return {{"usage", {{"total", s.cpu_ns}, {"kernel", s.cpu_system_ns}, {"user", s.cpu_user_ns}}},
          {"throttling",
           {{"throttledPeriods", s.throttled_periods}, {"throttledTime", s.throttled_ns}}}};
}

ordered_json Memory(const ContainerStats& s) {
  return {{"cache", s.memory_cache_bytes},
          {"usage",
           {{"limit", s.memory_limit_bytes},
            {"usage", s.memory_bytes},
            {"max", s.memory_max_bytes},
            {"failcnt", s.memory_failures}}},
          {"swap", {{"limit", 0}, {"usage", s.swap_bytes}, {"failcnt", 0}}}};
}

ordered_json Entries(std::uint64_t read, std::uint64_t write) {
  ordered_json out = ordered_json::array();
  out.push_back({{"op", "Read"}, {"value", read}});
  out.push_back({{"op", "Write"}, {"value", write}});
  return out;
}

ordered_json Interfaces(const ContainerStats& s) {
  ordered_json out = ordered_json::array();
  for (const InterfaceStats& i : s.interfaces) {
    out.push_back({{"Name", i.name},
                   {"RxBytes", i.rx_bytes},
                   {"RxPackets", i.rx_packets},
                   {"RxErrors", i.rx_errors},
                   {"RxDropped", i.rx_dropped},
                   {"TxBytes", i.tx_bytes},
                   {"TxPackets", i.tx_packets},
                   {"TxErrors", i.tx_errors},
                   {"TxDropped", i.tx_dropped}});
  }
  return out;
}

std::string Line(const ordered_json& value) {
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace

std::string StatsEventJson(const std::string& id, const ContainerStats& stats) {
  const ordered_json pids = {{"current", stats.pids}, {"limit", stats.pids_limit}};
  const ordered_json blkio = {
      {"ioServiceBytesRecursive", Entries(stats.block_read_bytes, stats.block_write_bytes)},
      {"ioServicedRecursive", Entries(stats.block_read_ops, stats.block_write_ops)}};
  return Line({{"type", "stats"},
               {"id", id},
               {"data",
                {{"cpu", Cpu(stats)},
                 {"memory", Memory(stats)},
                 {"pids", pids},
                 {"blkio", blkio},
                 {"network_interfaces", Interfaces(stats)}}}});
}

std::string OomEventJson(const std::string& id) { return Line({{"type", "oom"}, {"id", id}}); }

}  // namespace shoji::cli
