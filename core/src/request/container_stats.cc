#include "request/container_stats.h"

#include <cctype>
#include <charconv>
#include <exception>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "metadata/text.h"

namespace shoji {
namespace {

using nlohmann::json;

// A cgroup without a limit says a huge number, rounded down to whole pages.
constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 62U;

// Remembers the first field that is not what it should be.
class Reader {
 public:
  const Status& status() const { return status_; }

  const json& Object(const json& in, const char* name) {
    static const json none = json::object();
    const auto it = in.find(name);
    if (it == in.end() || it->is_null()) return none;
    if (it->is_object()) return *it;
    Wrong(name, "no object");
    return none;
  }

  const json& List(const json& in, const char* name) {
    static const json none = json::array();
    const auto it = in.find(name);
    if (it == in.end() || it->is_null()) return none;
    if (it->is_array()) return *it;
    Wrong(name, "no list");
    return none;
  }

  std::string Text(const json& in, const char* name) {
    const auto it = in.find(name);
    if (it == in.end() || it->is_null()) return {};
    if (it->is_string()) return it->get<std::string>();
    Wrong(name, "no text");
    return {};
  }

  std::uint64_t Number(const json& in, const char* name) {
    const auto it = in.find(name);
    if (it == in.end() || it->is_null()) return 0;
    if (it->is_number_unsigned()) return it->get<std::uint64_t>();
    if (it->is_string()) {
      const auto& text = it->get_ref<const std::string&>();
      std::uint64_t value = 0;
      const auto end = text.data() + text.size();
      const auto parsed = std::from_chars(text.data(), end, value);
      if (!text.empty() && parsed.ec == std::errc() && parsed.ptr == end) return value;
    }
    Wrong(name, "no number");
    return 0;
  }

  std::uint64_t Limit(const json& in, const char* name) {
    const std::uint64_t value = Number(in, name);
    return value >= kNoLimit ? 0 : value;
  }

  // Of all disks.
  std::uint64_t Sum(const json& in, const char* name, const char* op) {
    std::uint64_t sum = 0;
    for (const json& entry : List(in, name)) {
      if (!entry.is_object()) {
        Wrong(name, "no list of objects");
      } else if (Same(Text(entry, "op"), op)) {
        sum += Number(entry, "value");
      }
    }
    return sum;
  }

  void Wrong(const char* name, const char* what) {
    if (!status_.ok()) return;
    status_ = Internal(std::string("the guest's answer is unusable: its ") + name + " is " + what);
  }

 private:
  static bool Same(const std::string& text, const std::string& op) {
    std::string lower = text;
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return lower == op;
  }
  Status status_;
};

void ReadCpu(Reader& in, const json& cpu, ContainerStats& out) {
  const json& usage = in.Object(cpu, "cpu_usage");
  out.cpu_ns = in.Number(usage, "total_usage");
  out.cpu_user_ns = in.Number(usage, "usage_in_usermode");
  out.cpu_system_ns = in.Number(usage, "usage_in_kernelmode");
  const json& throttling = in.Object(cpu, "throttling_data");
  out.throttled_periods = in.Number(throttling, "throttled_periods");
  out.throttled_ns = in.Number(throttling, "throttled_time");
}

void ReadMemory(Reader& in, const json& memory, ContainerStats& out) {
  const json& usage = in.Object(memory, "usage");
  out.memory_bytes = in.Number(usage, "usage");
  out.memory_max_bytes = in.Number(usage, "max_usage");
  out.memory_limit_bytes = in.Limit(usage, "limit");
  out.memory_failures = in.Number(usage, "failcnt");
  out.memory_cache_bytes = in.Number(memory, "cache");
  out.swap_bytes = in.Number(in.Object(memory, "swap_usage"), "usage");
}

void ReadDisks(Reader& in, const json& disks, ContainerStats& out) {
  out.block_read_bytes = in.Sum(disks, "io_service_bytes_recursive", "read");
  out.block_write_bytes = in.Sum(disks, "io_service_bytes_recursive", "write");
  out.block_read_ops = in.Sum(disks, "io_serviced_recursive", "read");
  out.block_write_ops = in.Sum(disks, "io_serviced_recursive", "write");
}

InterfaceStats ReadInterface(Reader& in, const json& entry) {
  InterfaceStats out;
  out.name = in.Text(entry, "name");
  out.rx_bytes = in.Number(entry, "rx_bytes");
  out.rx_packets = in.Number(entry, "rx_packets");
  out.rx_errors = in.Number(entry, "rx_errors");
  out.rx_dropped = in.Number(entry, "rx_dropped");
  out.tx_bytes = in.Number(entry, "tx_bytes");
  out.tx_packets = in.Number(entry, "tx_packets");
  out.tx_errors = in.Number(entry, "tx_errors");
  out.tx_dropped = in.Number(entry, "tx_dropped");
  return out;
}

Result<ContainerStats> Read(std::string_view text) {
  SHOJI_RETURN_IF_ERROR(CheckDepth(text));
  const json root = json::parse(text);
  Reader in;
  if (!root.is_object()) in.Wrong("whole", "no object");
  SHOJI_RETURN_IF_ERROR(in.status());
  ContainerStats out;
  const json& cgroup = in.Object(root, "cgroup_stats");
  ReadCpu(in, in.Object(cgroup, "cpu_stats"), out);
  ReadMemory(in, in.Object(cgroup, "memory_stats"), out);
  ReadDisks(in, in.Object(cgroup, "blkio_stats"), out);
  const json& pids = in.Object(cgroup, "pids_stats");
  out.pids = in.Number(pids, "current");
  out.pids_limit = in.Limit(pids, "limit");
  for (const json& entry : in.List(root, "network_stats")) {
    if (entry.is_object()) {
      out.interfaces.push_back(ReadInterface(in, entry));
    } else {
      in.Wrong("network_stats", "no list of objects");
    }
  }
  SHOJI_RETURN_IF_ERROR(in.status());
  return out;
}

}  // namespace

Result<ContainerStats> ParseContainerStats(std::string_view text) {
  try {
    return Read(text);
  } catch (const std::exception& e) {
    return Internal(std::string("the guest's answer is unusable: ") + e.what());
  }
}

}  // namespace shoji
