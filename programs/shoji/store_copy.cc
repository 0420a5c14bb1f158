// shoji store copy FROM TO: moves the records to another store.
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

void DescribeStoreCopy(po::options_description& options) {
  DescribeFormat(options);
  const auto texts = [] { return po::value<std::vector<std::string>>()->value_name("NAME=VALUE"); };
  options.add_options()                                                                       //
      ("from-option", texts(), "an option of FROM over the configuration, e.g. path=/srv/a")  //
      ("to-option", texts(), "an option of TO over the configuration")                        //
      ("merge", "keep what only TO has")                                                      //
      ("replace", "remove what only TO has");
}

Result<StoreCopyReport> Copy(const Invocation& invocation) {
  if (invocation.words.size() != 2) {
    return InvalidArgument("shoji store copy takes the ids of two store plugins, FROM and TO");
  }
  if (invocation.Has("merge") && invocation.Has("replace")) {
    return InvalidArgument("--merge and --replace exclude each other");
  }
  SHOJI_ASSIGN_OR_RETURN(const StorePlace from,
                         PlaceOf(invocation.words[0], invocation.Texts("from-option")));
  SHOJI_ASSIGN_OR_RETURN(const StorePlace to,
                         PlaceOf(invocation.words[1], invocation.Texts("to-option")));
  const StoreCopyMode mode = invocation.Has("merge")     ? StoreCopyMode::kMerge
                             : invocation.Has("replace") ? StoreCopyMode::kReplace
                                                         : StoreCopyMode::kIntoEmpty;
  return CopyStore(RuntimeOptionsOf(invocation), from, to, mode);
}

void PrintJson(const StoreCopyReport& r) {
  const json out = {{"from", r.from},           {"to", r.to},
                    {"sandboxes", r.sandboxes}, {"containers", r.containers},
                    {"others", r.others},       {"written", r.written},
                    {"unchanged", r.unchanged}, {"removed", r.removed},
                    {"bytes", r.bytes},         {"resumed", r.resumed},
                    {"warnings", r.warnings}};
  puts(out.dump(2, ' ', false, json::error_handler_t::replace).c_str());
}

void PrintText(const StoreCopyReport& r) {
  printf("%s%s -> %s: %s, %s, %s; %zu written, %zu unchanged, %zu removed; compared\n",
         r.resumed ? "completed " : "", r.from.c_str(), r.to.c_str(),
         Counted(r.sandboxes, "sandbox").c_str(), Counted(r.containers, "container").c_str(),
         FormatBytes(r.bytes).c_str(), r.written, r.unchanged, r.removed);
  if (r.others > 0) {
    fprintf(stderr, "shoji: %s of FROM are not Shoji's; copied all the same\n",
            Counted(r.others, "key").c_str());
  }
  for (const std::string& warning : r.warnings) fprintf(stderr, "shoji: %s\n", warning.c_str());
}

int RunStoreCopy(const Invocation& invocation) {
  const auto report = Copy(invocation);
  if (!report.ok()) return Fail(report.status());
  if (invocation.json()) {
    PrintJson(*report);
  } else {
    PrintText(*report);
  }
  return 0;
}

}  // namespace

const Command kStoreCopy = {
    "store copy",         "FROM TO",    "Copy all records to another store.",
    DescribeStoreCopy,    RunStoreCopy, false,
    CommandGroup::kStores};

}  // namespace shoji::cli
