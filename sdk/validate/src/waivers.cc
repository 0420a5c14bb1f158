#include "waivers.h"

#include <toml++/toml.h>

#include <algorithm>
#include <sstream>

#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji::validate {
namespace {

std::string Place(const std::string& path, const toml::source_region& at) {
  return path + ":" + std::to_string(at.begin.line) + ": ";
}

Status CheckKeys(const toml::table& table, const std::vector<std::string>& allowed,
                 const std::string& path) {
  for (const auto& [key, value] : table) {
    if (std::find(allowed.begin(), allowed.end(), key.str()) != allowed.end()) continue;
    return InvalidArgument(Place(path, key.source()) + "unknown key \"" + std::string(key.str()) +
                           "\"; known are " + Join(allowed, ", "));
  }
  return OkStatus();
}

Status TakeWaiver(const toml::table& table, const std::string& path,
                  const std::vector<std::string>& known, Waivers* waivers) {
  SHOJI_RETURN_IF_ERROR(CheckKeys(table, {"check", "reason"}, path));
  const std::string place = Place(path, table.source());
  const std::string check = table["check"].value_or(std::string());
  const std::string reason(Trim(table["reason"].value_or(std::string())));
  if (check.empty()) return InvalidArgument(place + "a waiver names no check");
  if (std::find(known.begin(), known.end(), check) == known.end()) {
    const std::string near = Suggest(check, known);
    return InvalidArgument(
        place + "there is no check \"" + check + "\"" +
        (near.empty() ? "; see shoji-validate list" : "; did you mean " + near + "?"));
  }
  if (reason.empty()) return InvalidArgument(place + "the waiver of " + check + " has no reason");
  if (!waivers->emplace(check, reason).second) {
    return InvalidArgument(place + check + " is waived twice");
  }
  return OkStatus();
}

}  // namespace

Result<Waivers> ParseWaivers(const std::string& text, const std::string& path,
                             const std::vector<std::string>& known_checks) {
  toml::table root;
  try {
    root = toml::parse(text, path);
  } catch (const toml::parse_error& e) {
    return InvalidArgument(Place(path, e.source()) + std::string(e.description()));
  }
  SHOJI_RETURN_IF_ERROR(CheckKeys(root, {"waiver"}, path));
  Waivers waivers;
  if (!root.contains("waiver")) return waivers;
  const toml::array* const list = root["waiver"].as_array();
  if (list == nullptr) return InvalidArgument(path + ": write [[waiver]] above each waiver");
  for (const toml::node& node : *list) {
    const toml::table* const table = node.as_table();
    if (table == nullptr) return InvalidArgument(path + ": write [[waiver]] above each waiver");
    SHOJI_RETURN_IF_ERROR(TakeWaiver(*table, path, known_checks, &waivers));
  }
  return waivers;
}

Result<Waivers> ReadWaivers(const std::string& path, const std::vector<std::string>& known_checks) {
  SHOJI_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, 1U << 20U));
  return ParseWaivers(text, path, known_checks);
}

std::vector<std::string> ApplyWaivers(const Waivers& waivers, std::vector<Record>* records) {
  std::vector<std::string> unused;
  for (Record& record : *records) {
    const auto found = waivers.find(record.check->name);
    if (found == waivers.end() || record.result == CheckResult::kSkip) continue;
    if (record.result != CheckResult::kFail && record.result != CheckResult::kCrash) {
      unused.push_back(record.check->name);
      continue;
    }
    record.result = CheckResult::kWaived;
    record.reason += " (waived: " + found->second + ")";
  }
  return unused;
}

}  // namespace shoji::validate
