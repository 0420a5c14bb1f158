#include "config/program_options.h"

#include <unistd.h>

#include <cctype>
#include <map>

#include "config/value.h"
#include "shoji/base/strings.h"

namespace shoji {
namespace {

namespace po = boost::program_options;

constexpr std::string_view kPrefix = "SHOJI_";
constexpr std::string_view kMarker = "SHOJI_SANDBOX_DIR";

std::string HelpOf(const OptionSpec& spec) {
  std::string help = spec.help;
  if (spec.required) {
    help += " (required)";
  } else if (!spec.default_value.empty() && !spec.secret) {
    help += " (default: " + Join(Split(spec.default_value, '\n'), ",") + ")";
  }
  return help;
}

bool HasVariables() {
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    if (text.substr(0, kPrefix.size()) != kPrefix) continue;
    if (text.substr(0, text.find('=')) != kMarker) return true;
  }
  return false;
}

}  // namespace

po::options_description DescribeOptions(const std::vector<OptionSpec>& specs) {
  po::options_description description("Options");
  for (const OptionSpec& spec : specs) {
    const std::string word(OptionTypeName(spec.type));
    description.add_options()(spec.name.c_str(),
                              po::value<std::vector<std::string>>()->value_name(word),
                              HelpOf(spec).c_str());
  }
  return description;
}

std::vector<std::pair<std::string, std::string>> OverridesOf(const po::parsed_options& parsed,
                                                             const std::vector<OptionSpec>& specs) {
  std::map<std::string, OptionType> types;
  for (const OptionSpec& spec : specs) types[spec.name] = spec.type;
  std::vector<std::pair<std::string, std::string>> overrides;
  std::map<std::string, std::size_t> lists;  // option, its place in `overrides`
  for (const po::option& option : parsed.options) {
    const auto type = types.find(option.string_key);
    if (type == types.end() || option.unregistered) continue;
    for (const std::string& text : option.value) {
      const auto list = lists.find(option.string_key);
      if (list != lists.end()) {
        overrides[list->second].second += "," + text;
        continue;
      }
      if (type->second == OptionType::kList) lists[option.string_key] = overrides.size();
      overrides.emplace_back(option.string_key, text);
    }
  }
  return overrides;
}

std::string EnvironmentName(const std::string& option) {
  std::string name(kPrefix);
  for (const char c : option) {
    name +=
        c == '.' || c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

EnvironmentSettings ReadEnvironment(const std::vector<OptionSpec>& specs) {
  std::map<std::string, std::string> names;
  for (const OptionSpec& spec : specs) names[EnvironmentName(spec.name)] = spec.name;
  EnvironmentSettings out;
  const auto option_of = [&](const std::string& variable) -> std::string {
    if (variable.compare(0, kPrefix.size(), kPrefix) != 0 || variable == kMarker) return {};
    const auto it = names.find(variable);
    if (it == names.end()) out.unknown.push_back(variable);
    return it == names.end() ? std::string() : it->second;
  };
  // Mostly there is none, and describing all options to Boost costs every command.
  if (!HasVariables()) return out;
  const po::parsed_options parsed = po::parse_environment(DescribeOptions(specs), option_of);
  for (const po::option& option : parsed.options) {
    if (!option.value.empty()) out.values.emplace_back(option.string_key, option.value.front());
  }
  return out;
}

}  // namespace shoji
