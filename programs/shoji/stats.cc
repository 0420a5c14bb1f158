// shoji stats ID: what a sandbox' VM or a container uses.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "command.h"
#include "container_of.h"
#include "exit_status.h"
#include "table.h"

namespace shoji::cli {
namespace {

namespace po = boost::program_options;
using Rows = std::vector<std::vector<std::string>>;
using nlohmann::json;

void DescribeStats(po::options_description& options) {
  DescribeFormat(options);
  options.add_options()("vm", "of the sandbox' VM, also where a container has this id");
}

std::string Seconds(std::uint64_t nanos) {
  char text[32];
  snprintf(text, sizeof(text), "%.3f s", static_cast<double>(nanos) / 1e9);
  return text;
}

std::string Limit(std::uint64_t value, const std::string& text) {
  return value == 0 ? "none" : text;
}

Rows RowsOf(const SandboxStats& s) {
  return {{"cpus", std::to_string(s.vcpus)},
          {"cpu time", Seconds(s.cpu_ns)},
          {"vmm cpu time", Seconds(s.vmm_cpu_ns)},
          {"resident", FormatBytes(s.resident_bytes)},
          {"disk read", FormatBytes(s.block_read_bytes)},
          {"disk written", FormatBytes(s.block_write_bytes)}};
}

Rows RowsOf(const ContainerStats& s) {
  Rows rows = {{"cpu time", Seconds(s.cpu_ns)},
               {"cpu user", Seconds(s.cpu_user_ns)},
               {"cpu system", Seconds(s.cpu_system_ns)},
               {"throttled", Seconds(s.throttled_ns)},
               {"memory", FormatBytes(s.memory_bytes)},
               {"memory most", FormatBytes(s.memory_max_bytes)},
               {"memory limit", Limit(s.memory_limit_bytes, FormatBytes(s.memory_limit_bytes))},
               {"processes", std::to_string(s.pids)},
               {"process limit", Limit(s.pids_limit, std::to_string(s.pids_limit))},
               {"disk read", FormatBytes(s.block_read_bytes)},
               {"disk written", FormatBytes(s.block_write_bytes)}};
  for (const InterfaceStats& i : s.interfaces) {
    rows.push_back({i.name + " received", FormatBytes(i.rx_bytes)});
    rows.push_back({i.name + " sent", FormatBytes(i.tx_bytes)});
  }
  return rows;
}

json JsonOf(const SandboxStats& s) {
  return {{"vcpus", s.vcpus},
          {"cpu_ns", s.cpu_ns},
          {"vmm_cpu_ns", s.vmm_cpu_ns},
          {"resident_bytes", s.resident_bytes},
          {"block_read_bytes", s.block_read_bytes},
          {"block_write_bytes", s.block_write_bytes}};
}

json JsonOf(const InterfaceStats& i) {
  return {{"name", i.name},
          {"rx_bytes", i.rx_bytes},
          {"rx_packets", i.rx_packets},
          {"rx_errors", i.rx_errors},
          {"rx_dropped", i.rx_dropped},
          {"tx_bytes", i.tx_bytes},
          {"tx_packets", i.tx_packets},
          {"tx_errors", i.tx_errors},
          {"tx_dropped", i.tx_dropped}};
}

json JsonOf(const ContainerStats& s) {
  json interfaces = json::array();
  for (const InterfaceStats& i : s.interfaces) interfaces.push_back(JsonOf(i));
  return {{"cpu_ns", s.cpu_ns},
          {"cpu_user_ns", s.cpu_user_ns},
          {"cpu_system_ns", s.cpu_system_ns},
          {"throttled_periods", s.throttled_periods},
          {"throttled_ns", s.throttled_ns},
          {"memory_bytes", s.memory_bytes},
          {"memory_max_bytes", s.memory_max_bytes},
          {"memory_limit_bytes", s.memory_limit_bytes},
          {"memory_cache_bytes", s.memory_cache_bytes},
          {"memory_failures", s.memory_failures},
          {"swap_bytes", s.swap_bytes},
          {"pids", s.pids},
          {"pids_limit", s.pids_limit},
          {"block_read_bytes", s.block_read_bytes},
          {"block_write_bytes", s.block_write_bytes},
          {"block_read_ops", s.block_read_ops},
          {"block_write_ops", s.block_write_ops},
          {"interfaces", std::move(interfaces)}};
}

template <typename Stats>
int Print(const Invocation& invocation, const char* head, const Result<Stats>& stats) {
  if (!stats.ok()) return Fail(stats.status());
  const std::string& id = invocation.words[0];
  if (invocation.json()) {
    json out = JsonOf(*stats);
    out["id"] = id;
    puts(out.dump().c_str());
  } else {
    PrintTable({head, id}, RowsOf(*stats));
  }
  return 0;
}

int RunStats(const Invocation& invocation) {
  if (invocation.words.size() != 1) {
    return Fail(
        InvalidArgument("shoji stats takes the id of one container or sandbox; see shoji list"));
  }
  auto runtime = OpenRuntime(invocation);
  if (!runtime.ok()) return Fail(runtime.status());
  const auto target = FindTarget(**runtime, invocation.words[0], invocation.Has("vm"));
  if (!target.ok()) return Fail(target.status());
  if (target->container_id.empty()) return Print(invocation, "VM", target->sandbox->Stats());
  return Print(invocation, "CONTAINER", target->sandbox->StatsContainer(target->container_id));
}

}  // namespace

const Command kStats = {"stats", "ID", "Show what a container or a sandbox' VM uses.",
                        DescribeStats, RunStats};

}  // namespace shoji::cli
