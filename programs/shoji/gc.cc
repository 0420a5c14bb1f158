// shoji gc: removes what killed processes left behind.
#include <algorithm>
#include <cstdio>

#include "command.h"
#include "exit_status.h"
#include "report.h"
#include "table.h"

namespace shoji::cli {
namespace {

namespace po = boost::program_options;

void DescribeGc(po::options_description& options) {
  DescribeFormat(options);
  options.add_options()("dry-run,n", "only say what would be removed");
}

void PrintReport(const GarbageReport& report, bool dry_run) {
  if (report.items.empty()) {
    puts("nothing left behind");
    return;
  }
  std::vector<std::vector<std::string>> rows;
  for (const GarbageReport::Item& i : report.items) {
    const std::string done =
        i.removed ? "removed" : (dry_run ? "would remove" : "kept: " + i.error);
    rows.push_back({i.kind, i.name, done, i.reason});
  }
  PrintTable({"KIND", "NAME", "DONE", "WHY"}, rows);
}

int RunGc(const Invocation& invocation) {
  if (!invocation.words.empty()) return Fail(InvalidArgument("shoji gc takes no words"));
  const bool dry_run = invocation.Has("dry-run");
  auto runtime = OpenRuntime(invocation);
  if (!runtime.ok()) return Fail(runtime.status());
  const auto report = (*runtime)->CollectGarbage(dry_run);
  if (!report.ok()) return Fail(report.status());
  if (invocation.json()) {
    puts(ToJson(*report, dry_run).c_str());
  } else {
    PrintReport(*report, dry_run);
  }
  const bool failed = std::any_of(report->items.begin(), report->items.end(),
                                  [](const auto& item) { return !item.error.empty(); });
  return failed ? kExitShojiFailed : 0;
}

}  // namespace

const Command kGc = {"gc",
                     "",
                     "Remove what killed processes left behind.",
                     DescribeGc,
                     RunGc,
                     false,
                     CommandGroup::kMachine};

}  // namespace shoji::cli
