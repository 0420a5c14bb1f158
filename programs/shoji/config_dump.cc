// shoji config dump: every option with its value, as a file that can be used as it is.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "command.h"
#include "exit_status.h"
#include "shoji/base/strings.h"

namespace shoji::cli {
namespace {

namespace po = boost::program_options;
using nlohmann::json;

void DescribeConfigDump(po::options_description& options) {
  DescribeFormat(options);
  options.add_options()("origin", "also say where each value comes from");
}

std::string TomlString(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += std::string("\\") + c;
    } else if (byte < 0x20 || byte == 0x7f) {
      char escape[8];
      snprintf(escape, sizeof(escape), "\\u%04X", byte);
      out += escape;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string TomlValue(const OptionInfo& option) {
  if (option.type == "int" || option.type == "bool") return option.value;
  if (option.type != "list") return TomlString(option.value);
  std::vector<std::string> items;
  for (const std::string& item : Split(option.value, '\n')) items.push_back(TomlString(item));
  return "[" + Join(items, ", ") + "]";
}

// Whether a file may say that the option has no value.
bool MayBeEmpty(const OptionInfo& option) {
  return option.type == "string" || option.type == "path" || option.type == "list";
}

std::string TomlLine(const OptionInfo& option) {
  if (option.secret) return "# " + option.name + (option.set ? " is set, a secret" : " is not set");
  if (option.value.empty() && !MayBeEmpty(option)) return "# " + option.name + " is not set";
  return option.name + " = " + TomlValue(option);
}

void PrintToml(const std::vector<OptionInfo>& options, bool origin) {
  for (const OptionInfo& option : options) {
    std::string line = TomlLine(option);
    if (origin) line += "  # " + option.origin;
    puts(line.c_str());
  }
}

void PrintJson(const std::vector<OptionInfo>& options) {
  json out = json::array();
  for (const OptionInfo& o : options) {
    json item = {{"name", o.name}, {"type", o.type},     {"origin", o.origin},
                 {"set", o.set},   {"secret", o.secret}, {"help", o.help}};
    if (!o.secret) {
      item["value"] = o.type == "list" ? json(Split(o.value, '\n')) : json(o.value);
      item["default"] = o.default_value;
    }
    out.push_back(std::move(item));
  }
  puts(out.dump(2, ' ', false, json::error_handler_t::replace).c_str());
}

int RunConfigDump(const Invocation& invocation) {
  if (!invocation.words.empty()) return Fail(InvalidArgument("shoji config dump takes no words"));
  auto runtime = OpenRuntime(invocation);
  if (!runtime.ok()) return Fail(runtime.status());
  const std::vector<OptionInfo> options = (*runtime)->Options();
  if (invocation.json()) {
    PrintJson(options);
  } else {
    PrintToml(options, invocation.Has("origin"));
  }
  return 0;
}

}  // namespace

const Command kConfigDump = {"config dump",
                             "",
                             "Show every option with its value, secrets hidden.",
                             DescribeConfigDump,
                             RunConfigDump,
                             false,
                             CommandGroup::kMachine};

}  // namespace shoji::cli
