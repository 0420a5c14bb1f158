// shoji check: can this machine run VMs, and what to do when it cannot.
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "command.h"
#include "exit_status.h"
#include "host_check.h"
#include "install_check.h"
#include "shoji/base/strings.h"
#include "table.h"

namespace shoji::cli {
namespace {

using nlohmann::json;

const char* LevelName(CheckLevel level) {
  switch (level) {
    case CheckLevel::kOk:
      return "ok";
    case CheckLevel::kWarning:
      return "warning";
    case CheckLevel::kFailed:
      break;
  }
  return "failed";
}

void Append(CheckLines lines, CheckLines& to) {
  to.insert(to.end(), std::make_move_iterator(lines.begin()), std::make_move_iterator(lines.end()));
}

std::uint64_t VmMemory(const Runtime& runtime) {
  const auto hypervisor = runtime.Option("sandbox.hypervisor");
  if (!hypervisor.ok()) return 0;
  const auto memory = runtime.Option("hypervisor." + *hypervisor + ".memory");
  if (!memory.ok()) return 0;
  const auto bytes = ParseSize(*memory);
  return bytes.ok() ? *bytes : 0;
}

// "/dev/vhost-vsock" and "vhost-vsock" are the same.
bool IsTold(const CheckLines& lines, const std::string& item) {
  const std::string name = item.substr(item.rfind('/') + 1);
  return std::any_of(lines.begin(), lines.end(),
                     [&](const CheckLine& line) { return line.item == name; });
}

// Files that cannot be used leave what needs none of them: the machine.
CheckLines Look(const Invocation& invocation) {
  CheckLines lines;
  const auto runtime = OpenRuntime(invocation);
  if (!runtime.ok()) {
    lines.push_back({"configuration", CheckLevel::kFailed, runtime.status().message(),
                     "mend the file or variable that it names"});
    Append(CheckHost("", 0), lines);
    return lines;
  }
  lines.push_back({"configuration", CheckLevel::kOk, "valid", ""});
  Append(CheckHypervisor(**runtime), lines);
  CheckLines host = CheckHost("", VmMemory(**runtime));
  // What the hypervisor has told of already, and knows better.
  std::erase_if(host, [&](const CheckLine& line) { return IsTold(lines, line.item); });
  Append(std::move(host), lines);
  Append(CheckInstallation(**runtime), lines);
  return lines;
}

std::size_t Count(const CheckLines& lines, CheckLevel level) {
  return static_cast<std::size_t>(std::count_if(
      lines.begin(), lines.end(), [&](const CheckLine& line) { return line.level == level; }));
}

void PrintText(const CheckLines& lines) {
  for (const CheckLine& line : lines) {
    printf("%-8s %s: %s\n", LevelName(line.level), line.item.c_str(), line.detail.c_str());
    if (!line.advice.empty()) printf("%-8s %s\n", "", ("-> " + line.advice).c_str());
  }
  const std::size_t warnings = Count(lines, CheckLevel::kWarning);
  const std::size_t failed = Count(lines, CheckLevel::kFailed);
  printf("\n%s: %zu failed, %zu warnings, %zu ok\n",
         failed == 0 ? "This machine can run VMs" : "This machine cannot run VMs", failed, warnings,
         Count(lines, CheckLevel::kOk));
}

void PrintJson(const CheckLines& lines) {
  json items = json::array();
  for (const CheckLine& line : lines) {
    items.push_back({{"item", line.item},
                     {"status", LevelName(line.level)},
                     {"detail", line.detail},
                     {"advice", line.advice}});
  }
  const json out = {{"can_run", Count(lines, CheckLevel::kFailed) == 0},
                    {"items", std::move(items)}};
  puts(out.dump(2, ' ', false, json::error_handler_t::replace).c_str());
}

int RunCheck(const Invocation& invocation) {
  if (!invocation.words.empty()) return Fail(InvalidArgument("shoji check takes no words"));
  const CheckLines lines = Look(invocation);
  if (invocation.json()) {
    PrintJson(lines);
  } else {
    PrintText(lines);
  }
  return Count(lines, CheckLevel::kFailed) == 0 ? 0 : 1;
}

}  // namespace

const Command kCheck = {"check",
                        "",
                        "Tell whether this machine can run VMs; 1 if not.",
                        DescribeFormat,
                        RunCheck,
                        false,
                        CommandGroup::kMachine};

}  // namespace shoji::cli
