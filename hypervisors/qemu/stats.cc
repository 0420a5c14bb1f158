#include "stats.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "monitor.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"
#include "vm.h"

namespace shoji::qemu {
namespace {

constexpr int kMaxDepth = 4;  // of children

Status Gone(pid_t pid) {
  return Unavailable("process " + std::to_string(pid) + " of the VM is gone");
}

std::uint64_t Resident(pid_t pid, int depth) {
  const std::string dir = "/proc/" + std::to_string(pid);
  std::uint64_t bytes = 0;
  const auto statm = ReadFile(dir + "/statm");
  const auto words = statm.ok() ? Split(*statm, ' ') : std::vector<std::string>();
  if (words.size() > 1) {
    const auto pages = ParseInt(words[1]);
    if (pages.ok()) bytes = static_cast<std::uint64_t>(*pages * sysconf(_SC_PAGESIZE));
  }
  const auto children = ReadFile(dir + "/task/" + std::to_string(pid) + "/children");
  if (!children.ok() || depth == kMaxDepth) return bytes;
  for (const std::string& child : Split(Trim(*children), ' ')) {
    const auto number = ParseInt(child);
    if (number.ok()) bytes += Resident(static_cast<pid_t>(*number), depth + 1);
  }
  return bytes;
}

std::uint64_t NumberOf(const nlohmann::json& json, const char* name) {
  const auto it = json.find(name);
  return it != json.end() && it->is_number_unsigned() ? it->get<std::uint64_t>() : 0;
}

}  // namespace

Result<std::uint64_t> ProcessCpuNanos(pid_t pid) {
  clockid_t clock{};
  timespec time{};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) return Gone(pid);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(time.tv_nsec);
}

Result<std::uint64_t> ThreadCpuNanos(pid_t pid, pid_t thread) {
  const auto text =
      ReadFile("/proc/" + std::to_string(pid) + "/task/" + std::to_string(thread) + "/schedstat");
  if (!text.ok()) return Gone(pid);
  const auto words = Split(Trim(*text), ' ');
  if (words.empty()) return Internal("schedstat of a thread is empty");
  SHOJI_ASSIGN_OR_RETURN(const std::int64_t nanos, ParseInt(words[0]));
  return static_cast<std::uint64_t>(nanos);
}

std::uint64_t ResidentBytes(pid_t pid) { return Resident(pid, 0); }

Result<std::vector<pid_t>> VcpuThreads(const std::string& answer, std::uint32_t* vcpus) {
  const auto json = nlohmann::json::parse(answer, nullptr, false);
  if (!json.is_array()) return DataLoss("QEMU lists no processors");
  std::vector<pid_t> threads;
  for (const auto& cpu : json) {
    if (!cpu.is_object() || NumberOf(cpu, "thread-id") == 0) {
      return DataLoss("QEMU lists a processor without a thread");
    }
    threads.push_back(static_cast<pid_t>(NumberOf(cpu, "thread-id")));
  }
  *vcpus = static_cast<std::uint32_t>(threads.size());
  // Emulated processors may share one thread.
  std::sort(threads.begin(), threads.end());
  threads.erase(std::unique(threads.begin(), threads.end()), threads.end());
  return threads;
}

Result<BlockBytes> SumBlockStats(const std::string& answer) {
  const auto json = nlohmann::json::parse(answer, nullptr, false);
  if (!json.is_array()) return DataLoss("QEMU lists no disks");
  BlockBytes sum;
  for (const auto& disk : json) {
    if (!disk.is_object() || !disk.contains("stats")) continue;
    sum.read += NumberOf(disk["stats"], "rd_bytes");
    sum.written += NumberOf(disk["stats"], "wr_bytes");
  }
  return sum;
}

Result<sdk::VmStats> QemuVm::Stats(const sdk::HypervisorCall& call) {
  const QmpLimit limit = LimitOf(call);
  SHOJI_ASSIGN_OR_RETURN(const std::vector<std::int32_t> pids, RunningPids());
  // It runs beside other calls: not on the monitor that those use.
  SHOJI_ASSIGN_OR_RETURN(const Monitor monitor, OtherMonitor(limit));
  SHOJI_ASSIGN_OR_RETURN(const std::string cpus, monitor->Execute("query-cpus-fast", "", limit));
  SHOJI_ASSIGN_OR_RETURN(const std::string disks, monitor->Execute("query-blockstats", "", limit));
  sdk::VmStats stats;
  SHOJI_ASSIGN_OR_RETURN(const auto threads, VcpuThreads(cpus, &stats.vcpus));
  for (const pid_t thread : threads) {
    SHOJI_ASSIGN_OR_RETURN(const std::uint64_t nanos, ThreadCpuNanos(pids[0], thread));
    stats.cpu_ns += nanos;
  }
  SHOJI_ASSIGN_OR_RETURN(const std::uint64_t all, ProcessCpuNanos(pids[0]));
  stats.vmm_cpu_ns = all - std::min(all, stats.cpu_ns);
  for (const std::int32_t pid : pids) stats.resident_bytes += ResidentBytes(pid);
  SHOJI_ASSIGN_OR_RETURN(const BlockBytes bytes, SumBlockStats(disks));
  stats.block_read_bytes = bytes.read;
  stats.block_write_bytes = bytes.written;
  return stats;
}

}  // namespace shoji::qemu
