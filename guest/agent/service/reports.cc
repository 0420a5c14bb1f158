#include "service/reports.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "shoji-kata/agent.pb.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji::agent {
namespace {

std::uint64_t Number(std::string_view text) {
  return std::strtoull(std::string(text).c_str(), nullptr, 10);
}

std::vector<std::string> Words(std::string_view line) {
  std::vector<std::string> words;
  for (std::string& word : Split(line, ' ')) {
    if (!word.empty()) words.push_back(std::move(word));
  }
  return words;
}

// "UID PID PPID CMD" of one process; empty when it has just ended.
std::string TableLine(pid_t pid) {
  const std::string dir = "/proc/" + std::to_string(pid);
  const auto status = ReadFile(dir + "/status", 1U << 16U);
  auto command = ReadFile(dir + "/cmdline", 1U << 16U);
  if (!status.ok() || !command.ok()) return {};
  std::map<std::string, std::string> fields;
  for (const std::string& line : Split(*status, '\n')) {
    const std::vector<std::string> parts = Split(line, '\t');
    if (parts.size() >= 2) fields[parts[0]] = parts[1];
  }
  std::replace(command->begin(), command->end(), '\0', ' ');
  const std::string shown =
      command->empty() ? "[" + fields["Name:"] + "]" : std::string(Trim(*command));
  std::array<char, 64> numbers{};
  std::snprintf(numbers.data(), numbers.size(), "%-8s %7d %7s ", fields["Uid:"].c_str(), pid,
                fields["PPid:"].c_str());
  return numbers.data() + shown + "\n";
}

Status ListProcesses(Sandbox* sandbox, const grpc::ListProcessesRequest& request,
                     grpc::ListProcessesResponse* reply) {
  SHOJI_ASSIGN_OR_RETURN(Container * container, sandbox->Find(request.container_id()));
  if (request.format() != "json" && request.format() != "table") {
    return InvalidArgument("format \"" + request.format() + "\" is unknown; say json or table");
  }
  SHOJI_ASSIGN_OR_RETURN(const std::vector<pid_t> pids, container->Pids());
  std::string list;
  if (request.format() == "json") {
    for (const pid_t pid : pids) list += (list.empty() ? "" : ",") + std::to_string(pid);
    list = "[" + list + "]";
  } else {
    list = "UID          PID    PPID CMD\n";
    for (const pid_t pid : pids) list += TableLine(pid);
  }
  reply->set_process_list(list);
  return OkStatus();
}

std::uint64_t ReadNumber(const std::string& path) {
  const auto text = ReadFile(path, 64);
  return text.ok() ? Number(*text) : 0;  // "max" is 0: no limit
}

// A file of "name value" lines.
std::map<std::string, std::uint64_t> ReadTable(const std::string& path) {
  std::map<std::string, std::uint64_t> table;
  const auto text = ReadFile(path, 1U << 16U);
  if (!text.ok()) return table;
  for (const std::string& line : Split(*text, '\n')) {
    const std::vector<std::string> words = Words(line);
    if (words.size() == 2) table[words[0]] = Number(words[1]);
  }
  return table;
}

void FillCpu(const std::string& group, grpc::CpuStats* stats) {
  constexpr std::uint64_t kNanos = 1000;  // the files count microseconds
  auto table = ReadTable(group + "/cpu.stat");
  stats->mutable_cpu_usage()->set_total_usage(table["usage_usec"] * kNanos);
  stats->mutable_cpu_usage()->set_usage_in_usermode(table["user_usec"] * kNanos);
  stats->mutable_cpu_usage()->set_usage_in_kernelmode(table["system_usec"] * kNanos);
  stats->mutable_throttling_data()->set_periods(table["nr_periods"]);
  stats->mutable_throttling_data()->set_throttled_periods(table["nr_throttled"]);
  stats->mutable_throttling_data()->set_throttled_time(table["throttled_usec"] * kNanos);
}

void FillMemory(const std::string& group, grpc::MemoryStats* stats) {
  const auto table = ReadTable(group + "/memory.stat");
  for (const auto& [name, value] : table) (*stats->mutable_stats())[name] = value;
  const auto file = table.find("file");
  if (file != table.end()) stats->set_cache(file->second);
  stats->mutable_usage()->set_usage(ReadNumber(group + "/memory.current"));
  stats->mutable_usage()->set_max_usage(ReadNumber(group + "/memory.peak"));
  stats->mutable_usage()->set_limit(ReadNumber(group + "/memory.max"));
  stats->mutable_swap_usage()->set_usage(ReadNumber(group + "/memory.swap.current"));
  stats->mutable_swap_usage()->set_limit(ReadNumber(group + "/memory.swap.max"));
  stats->set_use_hierarchy(true);
}

void AddIo(google::protobuf::RepeatedPtrField<grpc::BlkioStatsEntry>* list, std::uint64_t major,
           std::uint64_t minor, const char* operation, std::uint64_t value) {
  grpc::BlkioStatsEntry* entry = list->Add();
  entry->set_major(major);
  entry->set_minor(minor);
  entry->set_op(operation);
  entry->set_value(value);
}

// io.stat: "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6", a line per disk.
void FillIo(const std::string& group, grpc::BlkioStats* stats) {
  const auto text = ReadFile(group + "/io.stat", 1U << 16U);
  for (const std::string& line : text.ok() ? Split(*text, '\n') : std::vector<std::string>()) {
    const std::vector<std::string> words = Words(line);
    const std::size_t colon = line.find(':');
    if (words.empty() || colon >= words[0].size()) continue;
    std::map<std::string, std::uint64_t> n;
    for (const std::string& word : words) {
      const std::size_t equals = word.find('=');
      if (equals != word.npos) n[word.substr(0, equals)] = Number(word.substr(equals + 1));
    }
    const std::uint64_t major = Number(words[0].substr(0, colon));
    const std::uint64_t minor = Number(words[0].substr(colon + 1));
    auto* bytes = stats->mutable_io_service_bytes_recursive();
    AddIo(bytes, major, minor, "Read", n["rbytes"]);
    AddIo(bytes, major, minor, "Write", n["wbytes"]);
    auto* calls = stats->mutable_io_serviced_recursive();
    AddIo(calls, major, minor, "Read", n["rios"]);
    AddIo(calls, major, minor, "Write", n["wios"]);
  }
}

// hugetlb.2MB.current and .max for each size the guest has.
void FillHugePages(const std::string& group, grpc::CgroupStats* stats) {
  constexpr std::string_view kFirst = "hugetlb.";
  constexpr std::string_view kLast = ".current";
  const auto names = ListDir(group);
  for (const std::string& name : names.ok() ? *names : std::vector<std::string>()) {
    if (!name.starts_with(kFirst) || !name.ends_with(kLast) || name.find(".rsvd.") != name.npos) {
      continue;
    }
    const std::string size = name.substr(kFirst.size(), name.size() - kFirst.size() - kLast.size());
    grpc::HugetlbStats& entry = (*stats->mutable_hugetlb_stats())[size];
    entry.set_usage(ReadNumber(group + "/" + name));
    entry.set_failcnt(ReadTable(group + "/hugetlb." + size + ".events")["max"]);
  }
}

// /proc/net/dev: "name: " and 8 numbers received, 8 sent.
void FillNetwork(grpc::StatsContainerResponse* reply) {
  const auto text = ReadFile("/proc/net/dev", 1U << 16U);
  if (!text.ok()) return;
  for (const std::string& line : Split(*text, '\n')) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::vector<std::string> n = Words(std::string_view(line).substr(colon + 1));
    if (n.size() < 12) continue;
    grpc::NetworkStats* stats = reply->add_network_stats();
    stats->set_name(std::string(Trim(std::string_view(line).substr(0, colon))));
    stats->set_rx_bytes(Number(n[0]));
    stats->set_rx_packets(Number(n[1]));
    stats->set_rx_errors(Number(n[2]));
    stats->set_rx_dropped(Number(n[3]));
    stats->set_tx_bytes(Number(n[8]));
    stats->set_tx_packets(Number(n[9]));
    stats->set_tx_errors(Number(n[10]));
    stats->set_tx_dropped(Number(n[11]));
  }
}

Status StatsContainer(Sandbox* sandbox, const grpc::StatsContainerRequest& request,
                      grpc::StatsContainerResponse* reply) {
  SHOJI_ASSIGN_OR_RETURN(Container * container, sandbox->Find(request.container_id()));
  grpc::CgroupStats* stats = reply->mutable_cgroup_stats();
  const std::string group = container->cgroup();
  if (!group.empty()) {
    FillCpu(group, stats->mutable_cpu_stats());
    FillMemory(group, stats->mutable_memory_stats());
    stats->mutable_pids_stats()->set_current(ReadNumber(group + "/pids.current"));
    stats->mutable_pids_stats()->set_limit(ReadNumber(group + "/pids.max"));
    FillIo(group, stats->mutable_blkio_stats());
    FillHugePages(group, stats);
  }
  FillNetwork(reply);
  return OkStatus();
}

}  // namespace

void RegisterReports(Server* server, Sandbox* sandbox) {
  server->Unary<grpc::ListProcessesRequest, grpc::ListProcessesResponse>(
      "/grpc.AgentService/ListProcesses", [sandbox](const auto& request, auto* reply) {
        return ListProcesses(sandbox, request, reply);
      });
  server->Unary<grpc::StatsContainerRequest, grpc::StatsContainerResponse>(
      "/grpc.AgentService/StatsContainer", [sandbox](const auto& request, auto* reply) {
        return StatsContainer(sandbox, request, reply);
      });
}

}  // namespace shoji::agent
