#include "report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "shoji/plugin/note.h"

namespace shoji::validate {
namespace {

using nlohmann::json;

constexpr CheckResult kResults[] = {CheckResult::kPass,    CheckResult::kFail,
                                    CheckResult::kCrash,   CheckResult::kSkip,
                                    CheckResult::kWarning, CheckResult::kWaived};

std::string Padded(std::string text, std::size_t width) {
  text.resize(std::max(width, text.size()), ' ');
  return text;
}

std::string PluginName(const Target& target) {
  if (!target.note) return "no plugin";
  return target.note->kind + " " + target.note->id + " " + target.note->version;
}

bool IsSkippedForKind(const Record& record) {
  return record.result == CheckResult::kSkip && !record.check->kind.empty() &&
         record.reason == "is about plugins of kind " + record.check->kind;
}

std::string TextLine(const Record& record) {
  std::string line = Padded(std::string(ResultName(record.result)), 8) + record.check->name;
  if (record.result == CheckResult::kPass && record.reason.empty()) return line + "\n";
  if (record.result != CheckResult::kPass) {
    line += " (rule " + std::to_string(record.check->rule) + ")";
  }
  return line + ": " + record.reason + "\n";
}

std::string Summary(const Report& report) {
  std::string out;
  for (const CheckResult result : kResults) {
    out += (out.empty() ? "" : ", ") + std::to_string(report.Count(result)) + " " +
           std::string(ResultName(result));
  }
  return out + (report.conforms() ? ": conforms" : ": does not conform");
}

std::string ToText(const Report& report) {
  std::string out = report.target->path + ": " + PluginName(*report.target) + ", seed " +
                    std::to_string(report.target->seed) + "\n";
  for (const Record& record : report.records) {
    if (!IsSkippedForKind(record)) out += TextLine(record);
  }
  for (const std::string& warning : report.warnings) out += "note: " + warning + "\n";
  return out + Summary(report) + "\n";
}

std::string Dump(const json& value) {
  return value.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

json CheckJson(const Check& check) {
  return {{"name", check.name},
          {"description", check.description},
          {"rule", check.rule},
          {"kind", check.kind}};
}

std::string ToJson(const Report& report) {
  const Target& target = *report.target;
  json checks = json::array();
  for (const Record& record : report.records) {
    json item = CheckJson(*record.check);
    item["result"] = ResultName(record.result);
    item["reason"] = record.reason;
    item["milliseconds"] = record.milliseconds;
    checks.push_back(std::move(item));
  }
  json counts = json::object();
  for (const CheckResult result : kResults) {
    counts[std::string(ResultName(result))] = report.Count(result);
  }
  json plugin = {{"path", target.path}};
  if (target.note) {
    plugin["kind"] = target.note->kind;
    plugin["id"] = target.note->id;
    plugin["version"] = target.note->version;
    plugin["vendor"] = target.note->vendor;
    plugin["sdk_version"] = target.note->sdk_version;
  }
  return Dump({{"kit_version", SHOJI_SDK_VERSION},
               {"plugin", std::move(plugin)},
               {"seed", target.seed},
               {"conforms", report.conforms()},
               {"counts", std::move(counts)},
               {"checks", std::move(checks)},
               {"warnings", report.warnings}});
}

std::string Xml(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '"') {
      out += "&quot;";
    } else {
      // XML 1.0 has no control characters; what is not ASCII may not be UTF-8.
      out += byte < 0x20 || byte >= 0x7f ? '?' : c;
    }
  }
  return out;
}

std::string Seconds(std::int64_t milliseconds) {
  const std::string fraction = std::to_string(1000 + milliseconds % 1000).substr(1);
  return std::to_string(milliseconds / 1000) + "." + fraction;
}

std::string JunitCase(const Record& record) {
  std::string out = "    <testcase name=\"" + Xml(record.check->name) + "\" classname=\"rule" +
                    std::to_string(record.check->rule) + "\" time=\"" +
                    Seconds(record.milliseconds) + "\">";
  const std::string message = " message=\"" + Xml(record.reason) + "\"/>";
  if (record.result == CheckResult::kFail) out += "<failure" + message;
  if (record.result == CheckResult::kCrash) out += "<error" + message;
  if (record.result == CheckResult::kSkip || record.result == CheckResult::kWaived) {
    out += "<skipped" + message;
  }
  if (record.result == CheckResult::kWarning) {
    out += "<system-out>warning: " + Xml(record.reason) + "</system-out>";
  }
  return out + "</testcase>\n";
}

std::string ToJunit(const Report& report) {
  const auto count = [&](CheckResult result) { return std::to_string(report.Count(result)); };
  std::string out =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"" +
      Xml("shoji-validate " + PluginName(*report.target)) + "\" tests=\"" +
      std::to_string(report.records.size()) + "\" failures=\"" + count(CheckResult::kFail) +
      "\" errors=\"" + count(CheckResult::kCrash) + "\" skipped=\"" +
      std::to_string(report.Count(CheckResult::kSkip) + report.Count(CheckResult::kWaived)) +
      "\">\n    <properties><property name=\"seed\" value=\"" +
      std::to_string(report.target->seed) + "\"/></properties>\n";
  for (const Record& record : report.records) out += JunitCase(record);
  return out + "  </testsuite>\n</testsuites>\n";
}

}  // namespace

std::size_t Report::Count(CheckResult result) const {
  return static_cast<std::size_t>(std::count_if(
      records.begin(), records.end(), [&](const Record& r) { return r.result == result; }));
}

bool Report::conforms() const {
  return Count(CheckResult::kFail) == 0 && Count(CheckResult::kCrash) == 0;
}

std::string Render(const Report& report, Format format) {
  if (format == Format::kJson) return ToJson(report);
  return format == Format::kJunit ? ToJunit(report) : ToText(report);
}

std::string RenderList(const std::vector<Check>& checks, Format format) {
  if (format == Format::kJson) {
    json out = json::array();
    for (const Check& check : checks) out.push_back(CheckJson(check));
    return Dump(out);
  }
  std::string out = Padded("CHECK", 27) + Padded("RULE", 6) + Padded("KIND", 12) + "WHAT\n";
  for (const Check& check : checks) {
    out += Padded(check.name, 26) + " " + Padded(std::to_string(check.rule), 5) + " " +
           Padded(check.kind.empty() ? "all" : check.kind, 11) + " " + check.description + "\n";
  }
  return out;
}

}  // namespace shoji::validate
