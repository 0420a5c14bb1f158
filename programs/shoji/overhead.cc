// shoji overhead [ID]: what a sandbox costs the host beyond what its containers use.
#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "command.h"
#include "exit_status.h"
#include "gc/processes.h"
#include "host/paths.h"
#include "process_usage.h"
#include "table.h"

namespace shoji::cli {
namespace {

using nlohmann::json;

struct OneProcess {
  std::int32_t pid = 0;
  std::string role;  // "vmm", "owner", "shim" or "helper"
  ProcessUsage usage;
};

struct GuestUsage {
  std::uint64_t memory_bytes = 0;
  std::uint64_t cpu_ns = 0;
};

struct Overhead {
  std::string id;
  std::vector<OneProcess> processes;
  std::uint64_t pss_bytes = 0;
  std::uint64_t cpu_ns = 0;
  std::optional<GuestUsage> guest;  // nothing: it could not be asked
  std::string why_not;

  // What is left of the host's for Shoji; below zero where guests share pages between VMs.
  std::int64_t memory() const {
    return static_cast<std::int64_t>(pss_bytes) - static_cast<std::int64_t>(guest->memory_bytes);
  }
  std::int64_t cpu() const {
    return static_cast<std::int64_t>(cpu_ns) - static_cast<std::int64_t>(guest->cpu_ns);
  }
};

using Marked = std::map<std::string, std::vector<ProcessId>>;

// Process id -> role. The marked ones are those that Shoji started for the sandbox; the owner
// is not marked, for it may hold several: proxy and shims that are built in run inside it.
std::map<std::int32_t, std::string> RolesOf(const SandboxStatus& status,
                                            const std::vector<ProcessId>& marked) {
  std::map<std::int32_t, std::string> roles;
  for (const ProcessId& process : marked) roles[process.pid] = "helper";
  for (const ContainerStatus& container : status.containers) {
    if (container.shim_pid > 0) roles[container.shim_pid] = "shim";
  }
  for (const std::int32_t pid : status.vm_pids) roles[pid] = "helper";
  if (!status.vm_pids.empty()) roles[status.vm_pids.front()] = "vmm";
  if (status.owner_pid > 0 && status.owner_pid != getpid()) roles[status.owner_pid] = "owner";
  return roles;
}

// What its containers use, as the guest counts.
Result<GuestUsage> AskGuest(Runtime& runtime, const SandboxStatus& status) {
  SHOJI_ASSIGN_OR_RETURN(const auto sandbox, runtime.FetchSandbox(status.id));
  GuestUsage out;
  for (const ContainerStatus& container : status.containers) {
    if (container.state != State::kRunning && container.state != State::kPaused) continue;
    SHOJI_ASSIGN_OR_RETURN(const ContainerStats stats, sandbox->StatsContainer(container.id));
    out.memory_bytes += stats.memory_bytes;
    out.cpu_ns += stats.cpu_ns;
  }
  return out;
}

Overhead Measure(Runtime& runtime, const SandboxStatus& status,
                 const std::vector<ProcessId>& marked) {
  Overhead out;
  out.id = status.id;
  // First the guest: what asking costs then counts as ours.
  auto guest = AskGuest(runtime, status);
  if (guest.ok()) {
    out.guest = *guest;
  } else {
    out.why_not = guest.status().message();
  }
  for (const auto& [pid, role] : RolesOf(status, marked)) {
    auto usage = ReadProcessUsage("", pid);
    if (!usage.ok()) continue;  // it has ended meanwhile
    out.pss_bytes += usage->pss_bytes;
    out.cpu_ns += usage->cpu_ns;
    out.processes.push_back({pid, role, std::move(*usage)});
  }
  return out;
}

Result<std::vector<SandboxStatus>> Chosen(Runtime& runtime, const Invocation& invocation) {
  if (invocation.words.empty()) return runtime.ListSandboxes();
  SHOJI_ASSIGN_OR_RETURN(SandboxStatus status, runtime.StatusSandbox(invocation.words[0]));
  return std::vector<SandboxStatus>{std::move(status)};
}

Result<std::vector<Overhead>> MeasureAll(const Invocation& invocation) {
  SHOJI_ASSIGN_OR_RETURN(const auto runtime, OpenRuntime(invocation));
  SHOJI_ASSIGN_OR_RETURN(const auto sandboxes, Chosen(*runtime, invocation));
  SHOJI_ASSIGN_OR_RETURN(const std::string root, runtime->Option("root"));
  SHOJI_ASSIGN_OR_RETURN(Marked marked, MarkedProcesses());
  std::vector<Overhead> out;
  for (const SandboxStatus& status : sandboxes) {
    if (status.vm_pids.empty()) {
      if (invocation.words.empty()) continue;
      return FailedPrecondition("sandbox \"" + status.id + "\" does not run; see shoji list");
    }
    out.push_back(Measure(*runtime, status, marked[SandboxPaths(root, status.id).dir]));
  }
  return out;
}

json JsonOf(const Overhead& one) {
  json processes = json::array();
  for (const OneProcess& p : one.processes) {
    processes.push_back({{"pid", p.pid},
                         {"role", p.role},
                         {"name", p.usage.name},
                         {"pss_bytes", p.usage.pss_bytes},
                         {"cpu_ns", p.usage.cpu_ns}});
  }
  json out = {{"id", one.id},
              {"host", {{"pss_bytes", one.pss_bytes}, {"cpu_ns", one.cpu_ns}}},
              {"processes", std::move(processes)}};
  if (one.guest) {
    out["guest"] = {{"memory_bytes", one.guest->memory_bytes}, {"cpu_ns", one.guest->cpu_ns}};
    out["overhead"] = {{"memory_bytes", one.memory()}, {"cpu_ns", one.cpu()}};
  } else {
    out["error"] = one.why_not;
  }
  return out;
}

std::string Seconds(std::int64_t nanos) {
  char text[32];
  snprintf(text, sizeof(text), "%.2f s", static_cast<double>(nanos) / 1e9);
  return text;
}

void PrintAll(const std::vector<Overhead>& all) {
  std::vector<std::vector<std::string>> rows;
  for (const Overhead& one : all) {
    const auto host_memory = static_cast<std::int64_t>(one.pss_bytes);
    const auto host_cpu = static_cast<std::int64_t>(one.cpu_ns);
    std::vector<std::string> row = {
        one.id, Mebibytes(host_memory), "-", "-", Seconds(host_cpu), "-", "-"};
    if (one.guest) {
      row[2] = Mebibytes(static_cast<std::int64_t>(one.guest->memory_bytes));
      row[3] = Mebibytes(one.memory());
      row[5] = Seconds(static_cast<std::int64_t>(one.guest->cpu_ns));
      row[6] = Seconds(one.cpu());
    }
    rows.push_back(std::move(row));
  }
  PrintTable({"ID", "HOST PSS", "GUEST", "OVERHEAD", "HOST CPU", "GUEST", "OVERHEAD"}, rows);
  for (const Overhead& one : all) {
    if (!one.guest) fprintf(stderr, "%s: %s\n", one.id.c_str(), one.why_not.c_str());
  }
}

int RunOverhead(const Invocation& invocation) {
  if (invocation.words.size() > 1) {
    return Fail(InvalidArgument("shoji overhead takes the id of one sandbox, or none for all"));
  }
  const auto all = MeasureAll(invocation);
  if (!all.ok()) return Fail(all.status());
  if (!invocation.json()) {
    PrintAll(*all);
    return 0;
  }
  json out = json::array();
  for (const Overhead& one : *all) out.push_back(JsonOf(one));
  puts(out.dump(2, ' ', false, json::error_handler_t::replace).c_str());
  return 0;
}

}  // namespace

const Command kOverhead = {"overhead",
                           "[ID]",
                           "Show what sandboxes cost beyond their use.",
                           DescribeFormat,
                           RunOverhead,
                           false,
                           CommandGroup::kMachine};

}  // namespace shoji::cli
