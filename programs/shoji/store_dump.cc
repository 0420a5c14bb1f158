// shoji store dump [ID]: what lies in a store.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "command.h"
#include "exit_status.h"
#include "store_place.h"

namespace shoji::cli {
namespace {

namespace po = boost::program_options;
using nlohmann::json;

void DescribeStoreDump(po::options_description& options) {
  DescribeFormat(options);
  options.add_options()  //
      ("option", po::value<std::vector<std::string>>()->value_name("NAME=VALUE"),
       "an option of the store over the configuration, e.g. path=/srv/a")  //
      ("key", po::value<std::string>()->value_name("PREFIX"),
       "only keys that begin so, e.g. sandboxes/web")  //
      ("secrets", "also show values of environment variables, and values that are not understood");
}

// One line each, so that nothing has to be kept in memory: key, size, value.
Status PrintLine(const StoreEntry& entry) {
  const std::string text = entry.json.empty() ? "(" + entry.problem + ")" : entry.json;
  printf("%s\t%llu\t%s\n", Printable(entry.key).c_str(),
         static_cast<unsigned long long>(entry.size), Printable(text).c_str());
  return OkStatus();
}

Status PrintItem(const StoreEntry& entry, bool& first) {
  json item = {{"key", entry.key}, {"size", entry.size}};
  if (!entry.json.empty()) item["value"] = json::parse(entry.json, nullptr, false);
  if (!entry.problem.empty()) item["problem"] = entry.problem;
  printf("%s%s", first ? "[\n" : ",\n",
         item.dump(2, ' ', false, json::error_handler_t::replace).c_str());
  first = false;
  return OkStatus();
}

Status Dump(const Invocation& invocation) {
  if (invocation.words.size() > 1) {
    return InvalidArgument("shoji store dump takes the id of one store plugin, or nothing");
  }
  SHOJI_ASSIGN_OR_RETURN(
      const StorePlace place,
      PlaceOf(invocation.words.empty() ? "" : invocation.words[0], invocation.Texts("option")));
  bool first = true;
  const bool as_json = invocation.json();
  SHOJI_RETURN_IF_ERROR(DumpStore(RuntimeOptionsOf(invocation), place, invocation.Text("key"),
                                  invocation.Has("secrets"), [&](const StoreEntry& entry) {
                                    return as_json ? PrintItem(entry, first) : PrintLine(entry);
                                  }));
  if (as_json) puts(first ? "[]" : "\n]");
  return OkStatus();
}

int RunStoreDump(const Invocation& invocation) {
  const Status dumped = Dump(invocation);
  return dumped.ok() ? 0 : Fail(dumped);
}

}  // namespace

const Command kStoreDump = {"store dump", "[ID]", "Show what lies in a store.", DescribeStoreDump,
                            RunStoreDump, false,  CommandGroup::kStores};

}  // namespace shoji::cli
