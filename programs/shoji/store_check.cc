// shoji store check [ID]: looks through a store; exit status 1 when something is wrong.
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "command.h"
#include "exit_status.h"
#include "store_place.h"
#include "table.h"

namespace shoji::cli {
namespace {

namespace po = boost::program_options;
using nlohmann::json;

constexpr int kExitFindings = 1;

void DescribeStoreCheck(po::options_description& options) {
  DescribeFormat(options);
  options.add_options()  //
      ("option", po::value<std::vector<std::string>>()->value_name("NAME=VALUE"),
       "an option of the store over the configuration, e.g. path=/srv/a")  //
      ("repair", "mend the index from container to sandbox; nothing else is changed");
}

void PrintJson(const StoreCheckReport& report) {
  json findings = json::array();
  for (const StoreFinding& f : report.findings) {
    json item = {{"kind", f.kind},
                 {"key", f.key},
                 {"text", f.text},
                 {"repairable", f.repairable},
                 {"repaired", f.repaired}};
    if (!f.error.empty()) item["error"] = f.error;
    findings.push_back(std::move(item));
  }
  const json out = {{"store", report.store},         {"keys", report.keys},
                    {"sandboxes", report.sandboxes}, {"containers", report.containers},
                    {"older", report.older},         {"findings", std::move(findings)}};
  puts(out.dump(2, ' ', false, json::error_handler_t::replace).c_str());
}

std::string DoneText(const StoreFinding& f) {
  if (f.repaired) return "repaired";
  if (!f.error.empty()) return Printable("kept: " + f.error);
  return f.repairable ? "--repair" : "-";
}

void PrintText(const StoreCheckReport& report) {
  std::vector<std::vector<std::string>> rows;
  for (const StoreFinding& f : report.findings) {
    rows.push_back({f.kind, Printable(f.key), DoneText(f), Printable(f.text)});
  }
  if (!rows.empty()) PrintTable({"KIND", "KEY", "REPAIR", "WHAT"}, rows);
  printf("%s: %s, %s, %s", report.store.c_str(), Counted(report.keys, "key").c_str(),
         Counted(report.sandboxes, "sandbox").c_str(),
         Counted(report.containers, "container").c_str());
  if (report.older > 0) printf(" (%s of an older schema)", Counted(report.older, "record").c_str());
  printf("; %s\n", report.findings.empty() ? "nothing wrong"
                                           : Counted(report.findings.size(), "finding").c_str());
}

int RunStoreCheck(const Invocation& invocation) {
  if (invocation.words.size() > 1) {
    return Fail(InvalidArgument("shoji store check takes the id of one store plugin, or nothing"));
  }
  const auto place =
      PlaceOf(invocation.words.empty() ? "" : invocation.words[0], invocation.Texts("option"));
  if (!place.ok()) return Fail(place.status());
  const auto report = CheckStore(RuntimeOptionsOf(invocation), *place, invocation.Has("repair"));
  if (!report.ok()) return Fail(report.status());
  if (invocation.json()) {
    PrintJson(*report);
  } else {
    PrintText(*report);
  }
  const bool left = std::any_of(report->findings.begin(), report->findings.end(),
                                [](const StoreFinding& f) { return !f.repaired; });
  return left ? kExitFindings : 0;
}

}  // namespace

const Command kStoreCheck = {
    "store check",        "[ID]",        "Look for what is wrong in a store.",
    DescribeStoreCheck,   RunStoreCheck, false,
    CommandGroup::kStores};

}  // namespace shoji::cli
