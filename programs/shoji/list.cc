// shoji list: every sandbox on this host.
#include <cstdio>

#include "command.h"
#include "exit_status.h"
#include "report.h"
#include "shoji/base/strings.h"
#include "table.h"

namespace shoji::cli {
namespace {

std::string ArgsOf(const SandboxStatus& sandbox) {
  if (sandbox.containers.empty()) return {};
  std::string text = Join(sandbox.containers.front().args, " ");
  constexpr std::size_t kWidth = 40;
  if (text.size() > kWidth) text = text.substr(0, kWidth - 3) + "...";
  return text;
}

void PrintList(const std::vector<SandboxStatus>& list) {
  std::vector<std::vector<std::string>> rows;
  for (const SandboxStatus& s : list) {
    rows.push_back({s.id, std::string(StateName(s.state)),
                    s.vm_pids.empty() ? "-" : std::to_string(s.vm_pids.front()),
                    std::to_string(s.vcpus), FormatBytes(s.memory_bytes),
                    FormatTime(s.created_unix_ns), ArgsOf(s)});
  }
  PrintTable({"ID", "STATE", "PID", "CPUS", "MEMORY", "CREATED", "COMMAND"}, rows);
}

int RunList(const Invocation& invocation) {
  if (!invocation.words.empty()) return Fail(InvalidArgument("shoji list takes no words"));
  auto runtime = OpenRuntime(invocation);
  if (!runtime.ok()) return Fail(runtime.status());
  const auto list = (*runtime)->ListSandboxes();
  if (!list.ok()) return Fail(list.status());
  if (invocation.json()) {
    puts(ToJson(*list).c_str());
  } else {
    PrintList(*list);
  }
  return 0;
}

}  // namespace

const Command kList = {"list", "", "List the sandboxes on this host.", DescribeFormat, RunList};

}  // namespace shoji::cli
