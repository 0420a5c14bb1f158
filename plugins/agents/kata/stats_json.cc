#include "stats_json.h"

#include <nlohmann/json.hpp>

#include "json_text.h"

namespace shoji::agent_kata {

namespace {

using Json = nlohmann::json;

Json Write(const grpc::CpuStats& cpu) {
  const grpc::CpuUsage& usage = cpu.cpu_usage();
  const grpc::ThrottlingData& throttling = cpu.throttling_data();
  Json percpu = Json::array();
  for (const std::uint64_t each : usage.percpu_usage()) percpu.push_back(each);
  return {{"cpu_usage",
           {{"total_usage", usage.total_usage()},
            {"percpu_usage", percpu},
            {"usage_in_kernelmode", usage.usage_in_kernelmode()},
            {"usage_in_usermode", usage.usage_in_usermode()}}},
          {"throttling_data",
           {{"periods", throttling.periods()},
            {"throttled_periods", throttling.throttled_periods()},
            {"throttled_time", throttling.throttled_time()}}}};
}

Json Write(const grpc::MemoryData& data) {
  return {{"usage", data.usage()},
          {"max_usage", data.max_usage()},
          {"failcnt", data.failcnt()},
          {"limit", data.limit()}};
}

Json Write(const grpc::MemoryStats& memory) {
  Json details = Json::object();
  for (const auto& [name, value] : memory.stats()) details[name] = value;
  return {{"cache", memory.cache()},
          {"usage", Write(memory.usage())},
          {"swap_usage", Write(memory.swap_usage())},
          {"kernel_usage", Write(memory.kernel_usage())},
          {"use_hierarchy", memory.use_hierarchy()},
          {"stats", details}};
}

Json Write(const google::protobuf::RepeatedPtrField<grpc::BlkioStatsEntry>& entries) {
  Json out = Json::array();
  for (const grpc::BlkioStatsEntry& entry : entries) {
    out.push_back({{"major", entry.major()},
                   {"minor", entry.minor()},
                   {"op", entry.op()},
                   {"value", entry.value()}});
  }
  return out;
}

Json Write(const grpc::BlkioStats& io) {
  return {{"io_service_bytes_recursive", Write(io.io_service_bytes_recursive())},
          {"io_serviced_recursive", Write(io.io_serviced_recursive())},
          {"io_queued_recursive", Write(io.io_queued_recursive())},
          {"io_service_time_recursive", Write(io.io_service_time_recursive())},
          {"io_wait_time_recursive", Write(io.io_wait_time_recursive())},
          {"io_merged_recursive", Write(io.io_merged_recursive())},
          {"io_time_recursive", Write(io.io_time_recursive())},
          {"sectors_recursive", Write(io.sectors_recursive())}};
}

Json Write(const grpc::CgroupStats& cgroup) {
  const grpc::PidsStats& pids = cgroup.pids_stats();
  Json hugetlb = Json::object();
  for (const auto& [size, pages] : cgroup.hugetlb_stats()) {
    hugetlb[size] = {
        {"usage", pages.usage()}, {"max_usage", pages.max_usage()}, {"failcnt", pages.failcnt()}};
  }
  return {{"cpu_stats", Write(cgroup.cpu_stats())},
          {"memory_stats", Write(cgroup.memory_stats())},
          {"pids_stats", {{"current", pids.current()}, {"limit", pids.limit()}}},
          {"blkio_stats", Write(cgroup.blkio_stats())},
          {"hugetlb_stats", hugetlb}};
}

Json Write(const grpc::NetworkStats& network) {
  return {{"name", network.name()},
          {"rx_bytes", network.rx_bytes()},
          {"rx_packets", network.rx_packets()},
          {"rx_errors", network.rx_errors()},
          {"rx_dropped", network.rx_dropped()},
          {"tx_bytes", network.tx_bytes()},
          {"tx_packets", network.tx_packets()},
          {"tx_errors", network.tx_errors()},
          {"tx_dropped", network.tx_dropped()}};
}

}  // namespace

std::string StatsToJson(const grpc::StatsContainerResponse& stats) {
  Json networks = Json::array();
  for (const grpc::NetworkStats& network : stats.network_stats()) {
    networks.push_back(Write(network));
  }
  return JsonText({{"cgroup_stats", Write(stats.cgroup_stats())}, {"network_stats", networks}});
}

}  // namespace shoji::agent_kata
