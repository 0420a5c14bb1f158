// shoji status ID: one sandbox in detail.
#include <cstdio>

#include "command.h"
#include "exit_status.h"
#include "report.h"
#include "shoji/base/strings.h"
#include "table.h"

namespace shoji::cli {
namespace {

std::string PidsOf(const SandboxStatus& status) {
  std::vector<std::string> pids;
  for (const std::int32_t pid : status.vm_pids) pids.push_back(std::to_string(pid));
  return pids.empty() ? "-" : Join(pids, " ");
}

void PrintAttached(const SandboxStatus& s) {
  std::vector<std::vector<std::string>> rows;
  for (const DeviceStatus& d : s.devices) {
    rows.push_back({d.info.id, KindName(d.info.kind), d.info.host_path, d.address});
  }
  if (!rows.empty()) {
    puts("");
    PrintTable({"DEVICE", "KIND", "HOST", "GUEST"}, rows);
  }
  rows.clear();
  for (const StorageStatus& storage : s.storages) {
    rows.push_back({storage.info.id, KindName(storage.info.kind),
                    storage.info.source.empty() ? "-" : storage.info.source, storage.guest_path});
  }
  if (!rows.empty()) {
    puts("");
    PrintTable({"STORAGE", "KIND", "SOURCE", "GUEST"}, rows);
  }
}

void PrintStatus(const SandboxStatus& s) {
  PrintTable({"SANDBOX", s.id}, {{"state", std::string(StateName(s.state))},
                                 {"created", FormatTime(s.created_unix_ns)},
                                 {"hypervisor", s.hypervisor},
                                 {"factory", s.factory},
                                 {"proxy", s.proxy},
                                 {"agent", s.agent},
                                 {"vm pids", PidsOf(s)},
                                 {"owner", s.owner_pid == 0 ? "-" : std::to_string(s.owner_pid)},
                                 {"cpus", std::to_string(s.vcpus)},
                                 {"memory", FormatBytes(s.memory_bytes)},
                                 {"network", s.network.empty() ? "-" : s.network},
                                 {"netns", s.netns.empty() ? "-" : s.netns}});
  std::vector<std::vector<std::string>> rows;
  for (const ContainerStatus& c : s.containers) {
    rows.push_back({c.id, std::string(StateName(c.state)), FormatTime(c.started_unix_ns), c.rootfs,
                    Join(c.args, " ")});
  }
  puts("");
  PrintTable({"CONTAINER", "STATE", "STARTED", "ROOTFS", "COMMAND"}, rows);
  PrintAttached(s);
}

// Of all sandboxes, for scripts: `shoji list` has containers, as engines want them.
int RunStatusOfAll(const Invocation& invocation) {
  auto runtime = OpenRuntime(invocation);
  if (!runtime.ok()) return Fail(runtime.status());
  const auto list = (*runtime)->ListSandboxes();
  if (!list.ok()) return Fail(list.status());
  puts(ToJson(*list).c_str());
  return 0;
}

int RunStatus(const Invocation& invocation) {
  if (invocation.words.empty() && invocation.json()) return RunStatusOfAll(invocation);
  if (invocation.words.size() != 1) {
    return Fail(InvalidArgument("shoji status takes the id of one sandbox; see shoji list"));
  }
  auto runtime = OpenRuntime(invocation);
  if (!runtime.ok()) return Fail(runtime.status());
  const auto status = (*runtime)->StatusSandbox(invocation.words[0]);
  if (!status.ok()) return Fail(status.status());
  if (invocation.json()) {
    puts(ToJson(*status).c_str());
  } else {
    PrintStatus(*status);
  }
  return 0;
}

}  // namespace

const Command kStatus = {"status", "ID",
                         "Show one sandbox in detail; all with --format json alone.",
                         DescribeFormat, RunStatus};

}  // namespace shoji::cli
