#include <algorithm>
#include <utility>

#include "config/config.h"
#include "config/files.h"
#include "config/program_options.h"
#include "config/value.h"
#include "shoji/base/strings.h"

namespace shoji {
namespace {

using SpecMap = std::map<std::string, const OptionSpec*>;

// What `wrong` may have been meant to be. In the place of a "*" stands what it has there.
std::vector<std::string> NamesLike(const SpecMap& specs, const std::string& wrong) {
  std::vector<std::string> names;
  for (const auto& [name, spec] : specs) {
    const std::size_t star = name.find('*');
    if (star == std::string::npos) {
      names.push_back(name);
    } else if (star + 1 < name.size() && wrong.compare(0, star, name, 0, star) == 0) {
      const std::size_t end = wrong.find('.', star);
      names.push_back(wrong.substr(0, end) + name.substr(star + 1));
    }
  }
  return names;
}

// The declaration that `name` falls under, or null.
const OptionSpec* FindSpec(const SpecMap& specs, const std::string& name) {
  if (name.find('*') != std::string::npos) return nullptr;
  if (const auto it = specs.find(name); it != specs.end()) return it->second;
  for (const auto& [pattern, spec] : specs) {
    if (IsPattern(*spec) && !MatchPattern(pattern, name).empty()) return spec;
  }
  return nullptr;
}

bool HasSection(const SpecMap& specs, const std::string& section) {
  const auto it = specs.lower_bound(section + ".");
  return it != specs.end() && it->first.compare(0, section.size() + 1, section + ".") == 0;
}

std::string LastWord(const std::string& name) { return name.substr(name.rfind('.') + 1); }

// What `name` may have been meant to be: an option that ends alike, in another section, else one
// that looks alike.
std::string MeantBy(const SpecMap& specs, const std::string& name) {
  const std::string near = Suggest(name, NamesLike(specs, name));
  if (!near.empty() && LastWord(near) == LastWord(name)) return near;
  std::string same;
  for (const auto& [known, spec] : specs) {
    if (IsPattern(*spec) || LastWord(known) != LastWord(name)) continue;
    same += (same.empty() ? "" : "\" or \"") + known;
  }
  return same.empty() ? near : same;
}

Status UnknownOption(const SpecMap& specs, const Setting& setting, const Config::Sources& sources) {
  std::string message = setting.origin + ": unknown option \"" + setting.name + "\"";
  if (HasSection(specs, setting.name)) {
    return InvalidArgument(message + "; that is a section, write [" + setting.name + "]");
  }
  const std::string more =
      sources.explain_unknown ? sources.explain_unknown(setting.name) : std::string();
  const std::string near = more.empty() ? MeantBy(specs, setting.name)
                                        : Suggest(setting.name, NamesLike(specs, setting.name));
  if (!near.empty()) message += "; did you mean \"" + near + "\"?";
  if (!more.empty()) message += "; " + more;
  if (near.empty() && more.empty()) {
    message += "; neither the core nor a plugin in plugins.path declares it";
  }
  return InvalidArgument(std::move(message));
}

std::string_view KindName(SettingKind kind) {
  switch (kind) {
    case SettingKind::kInteger:
      return "a number";
    case SettingKind::kFloat:
      return "a number with a fraction";
    case SettingKind::kBoolean:
      return "a boolean";
    case SettingKind::kList:
      return "a list";
    case SettingKind::kText:
      return "a text";
    case SettingKind::kOther:
      break;
  }
  return "a table, a date or a nested list";
}

// Whether a value of this TOML type may stand for the option. Text always may: its
// content is checked then.
bool Fits(OptionType type, SettingKind kind) {
  if (kind == SettingKind::kText) return true;
  switch (type) {
    case OptionType::kInt:
    case OptionType::kSize:
    case OptionType::kDuration:
      return kind == SettingKind::kInteger;
    case OptionType::kBool:
      return kind == SettingKind::kBoolean;
    case OptionType::kList:
      return kind == SettingKind::kList;
    case OptionType::kString:
    case OptionType::kPath:
      return false;
  }
  return false;
}

Result<std::string> Check(const OptionSpec& spec, const Setting& setting) {
  const std::string where = setting.origin + ": option \"" + setting.name + "\"";
  if (!Fits(spec.type, setting.kind)) {
    return InvalidArgument(where + " is " + std::string(KindName(setting.kind)) +
                           "; it must be of type " + std::string(OptionTypeName(spec.type)));
  }
  // The items of a TOML list are final; only a text is split.
  if (setting.kind == SettingKind::kList) return setting.text;
  Result<std::string> text = Canonical(spec, setting.text);
  if (!text.ok()) return std::move(text).status().WithContext(where);
  return text;
}

Result<std::vector<Setting>> ReadSettings(const std::vector<OptionSpec>& specs,
                                          const Config::Sources& sources,
                                          std::vector<std::string>* warnings) {
  SHOJI_ASSIGN_OR_RETURN(std::vector<Setting> settings,
                         ReadConfigFiles(sources.files, sources.missing_files_are_errors));
  if (sources.use_environment) {
    SHOJI_ASSIGN_OR_RETURN(EnvironmentSettings environment, ReadEnvironment(specs));
    for (auto& [name, text] : environment.values) {
      settings.push_back({name, std::move(text), "environment", SettingKind::kText});
    }
    for (const std::string& name : environment.unknown) {
      warnings->push_back("environment variable " + name + " names no option; ignored");
    }
  }
  for (const auto& [name, text] : sources.overrides) {
    settings.push_back({name, text, "command line", SettingKind::kText});
  }
  return settings;
}

}  // namespace

std::string MatchPattern(const std::string& pattern, const std::string& name) {
  const std::size_t star = pattern.find('*');
  const std::string_view tail = std::string_view(pattern).substr(star + 1);
  if (name.size() <= star + tail.size() || name.compare(0, star, pattern, 0, star) != 0 ||
      std::string_view(name).substr(name.size() - tail.size()) != tail) {
    return {};
  }
  std::string key = name.substr(star, name.size() - star - tail.size());
  return !tail.empty() && key.find('.') != std::string::npos ? std::string() : key;
}

Result<Config> Config::Load(const std::vector<OptionSpec>& specs, const Sources& sources) {
  Config config;
  config.specs_ = specs;
  SpecMap by_name;
  for (const OptionSpec& spec : config.specs_) {
    Result<std::string> text = spec.default_value.empty() ? Result<std::string>(std::string())
                                                          : Canonical(spec, spec.default_value);
    if (!text.ok()) return std::move(text).status().WithContext("default of option " + spec.name);
    if (!by_name.emplace(spec.name, &spec).second) {
      return Internal("option " + spec.name + " is declared twice");
    }
    if (!IsPattern(spec)) config.values_[spec.name] = {std::move(text).value(), "default"};
  }
  SHOJI_ASSIGN_OR_RETURN(const std::vector<Setting> settings,
                         ReadSettings(config.specs_, sources, &config.warnings_));
  if (sources.declared_only) config.warnings_.clear();
  for (const Setting& setting : settings) {
    const OptionSpec* spec = FindSpec(by_name, setting.name);
    if (spec == nullptr) {
      if (sources.declared_only) continue;
      return UnknownOption(by_name, setting, sources);
    }
    SHOJI_ASSIGN_OR_RETURN(std::string text, Check(*spec, setting));
    config.values_[setting.name] = {std::move(text), setting.origin};
  }
  return config;
}

Result<std::string> Config::Find(const std::string& name) const {
  const auto it = values_.find(name);
  if (it != values_.end()) return it->second.text;
  std::vector<std::string> names;
  for (const auto& [known, value] : values_) names.push_back(known);
  const std::string near = Suggest(name, names);
  return NotFound("there is no option \"" + name + "\"" +
                  (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
}

const std::string& Config::Get(const std::string& name) const { return values_.at(name).text; }

std::uint64_t Config::GetSize(const std::string& name) const {
  const Result<std::uint64_t> size = ParseSize(Get(name));
  return size.ok() ? *size : 0;  // empty: no default and not set
}

std::int64_t Config::GetInt(const std::string& name) const {
  const Result<std::int64_t> number = ParseInt(Get(name));
  return number.ok() ? *number : 0;
}

bool Config::GetBool(const std::string& name) const { return Get(name) == "true"; }

std::vector<std::string> Config::GetList(const std::string& name) const {
  return Split(Get(name), '\n');
}

std::chrono::nanoseconds Config::GetDuration(const std::string& name) const {
  return std::chrono::nanoseconds(GetInt(name));
}

std::vector<Config::Entry> Config::Entries(const std::string& pattern) const {
  std::vector<Entry> out;
  const std::string prefix = pattern.substr(0, pattern.find('*'));
  for (auto it = values_.lower_bound(prefix); it != values_.end(); ++it) {
    if (it->first.compare(0, prefix.size(), prefix) != 0) break;
    std::string key = MatchPattern(pattern, it->first);
    if (!key.empty()) out.push_back({std::move(key), it->first, it->second});
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> Config::Section(const std::string& prefix) const {
  std::vector<std::pair<std::string, std::string>> out;
  const std::string start = prefix + ".";
  for (const OptionSpec& spec : specs_) {
    if (spec.name.compare(0, start.size(), start) != 0) continue;
    if (!IsPattern(spec)) out.emplace_back(spec.name.substr(start.size()), Get(spec.name));
  }
  return out;
}

}  // namespace shoji
