// shoji list: every sandbox on this host; for engines every container.
#include <algorithm>
#include <cstdio>

#include "command.h"
#include "oci/engine_log.h"
#include "oci/state_json.h"
#include "shoji/base/strings.h"
#include "table.h"

namespace shoji::cli {
namespace {

void DescribeList(boost::program_options::options_description& options) {
  DescribeFormatLetter(options);
  options.add_options()("quiet,q", "print the ids of containers only");
}

std::string ArgsOf(const SandboxStatus& sandbox) {
  if (sandbox.containers.empty()) return {};
  std::string text = Join(sandbox.containers.front().args, " ");
  constexpr std::size_t kWidth = 40;
  if (text.size() > kWidth) text = text.substr(0, kWidth - 3) + "...";
  return text;
}

void PrintSandboxes(const std::vector<SandboxStatus>& list) {
  std::vector<std::vector<std::string>> rows;
  for (const SandboxStatus& s : list) {
    rows.push_back({s.id, std::string(StateName(s.state)),
                    s.vm_pids.empty() ? "-" : std::to_string(s.vm_pids.front()),
                    std::to_string(s.vcpus), FormatBytes(s.memory_bytes),
                    FormatTime(s.created_unix_ns), ArgsOf(s)});
  }
  PrintTable({"ID", "STATE", "PID", "CPUS", "MEMORY", "CREATED", "COMMAND"}, rows);
}

std::vector<ContainerStatus> ContainersOf(const std::vector<SandboxStatus>& list) {
  std::vector<ContainerStatus> out;
  for (const SandboxStatus& sandbox : list) {
    for (const ContainerStatus& container : sandbox.containers) {
      out.push_back(container);
      // Built in: the VMM stands for it.
      if (container.shim_pid < 0 && !sandbox.vm_pids.empty()) {
        out.back().shim_pid = sandbox.vm_pids.front();
      }
    }
  }
  return out;
}

// `being_made`: they may have been made since, and are in the list then.
std::vector<ContainerStatus> Without(const std::vector<ContainerStatus>& list,
                                     std::vector<ContainerStatus> being_made) {
  std::erase_if(being_made, [&](const ContainerStatus& each) {
    return std::any_of(list.begin(), list.end(),
                       [&](const ContainerStatus& made) { return made.id == each.id; });
  });
  return being_made;
}

void Print(const Invocation& invocation, const std::vector<SandboxStatus>& list,
           const std::vector<ContainerStatus>& being_made) {
  if (invocation.Has("quiet")) {
    for (const ContainerStatus& container : ContainersOf(list)) puts(container.id.c_str());
  } else if (invocation.json()) {
    const std::vector<ContainerStatus> made = ContainersOf(list);
    puts(StateListJson(made, Without(made, being_made)).c_str());
  } else {
    PrintSandboxes(list);
  }
}

int RunList(const Invocation& invocation) {
  if (!invocation.words.empty()) {
    return FailShared(invocation, InvalidArgument("shoji list takes no words"));
  }
  auto runtime = OpenRuntime(invocation);
  if (!runtime.ok()) return FailShared(invocation, runtime.status());
  // First, so that one that is made meanwhile is in one of both.
  std::vector<ContainerStatus> being_made;
  if (invocation.json()) being_made = (*runtime)->ContainersBeingMade();
  const auto list = (*runtime)->ListSandboxes();
  if (!list.ok()) return FailShared(invocation, list.status());
  Print(invocation, *list, being_made);
  return 0;
}

}  // namespace

const Command kList = {"list", "", "List the sandboxes on this host.", DescribeList, RunList};

}  // namespace shoji::cli
