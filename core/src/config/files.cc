#include "config/files.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji {
namespace {

// An installation without configuration is a good one.
constexpr std::array<std::string_view, 2> kDefaultPaths = {"/etc/shoji/shoji.toml",
                                                           "/etc/shoji/conf.d"};

// Text of a scalar; nothing for tables, arrays and dates.
std::optional<std::string> ScalarText(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* boolean = node.as_boolean()) return boolean->get() ? "true" : "false";
  return std::nullopt;
}

SettingKind KindOf(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::string:
      return SettingKind::kText;
    case toml::node_type::integer:
      return SettingKind::kInteger;
    case toml::node_type::floating_point:
      return SettingKind::kFloat;
    case toml::node_type::boolean:
      return SettingKind::kBoolean;
    default:
      return SettingKind::kOther;
  }
}

Setting FromArray(Setting setting, const toml::array& array) {
  setting.kind = SettingKind::kList;
  std::vector<std::string> items;
  for (const toml::node& item : array) {
    const std::optional<std::string> text = ScalarText(item);
    if (!text || text->find('\n') != std::string::npos) {
      setting.kind = SettingKind::kOther;
      return setting;
    }
    items.push_back(*text);
  }
  setting.text = Join(items, "\n");
  return setting;
}

Setting FromNode(std::string name, const toml::node& node, const std::string& path) {
  Setting setting;
  setting.name = std::move(name);
  setting.origin = path + ":" + std::to_string(node.source().begin.line);
  if (const toml::array* array = node.as_array()) return FromArray(std::move(setting), *array);
  setting.kind = KindOf(node);
  setting.text = ScalarText(node).value_or(std::string());
  return setting;
}

void Flatten(const toml::table& table, const std::string& prefix, const std::string& path,
             std::vector<Setting>* out) {
  for (const auto& [key, node] : table) {
    const std::string name = prefix + std::string(key.str());
    if (const toml::table* inner = node.as_table()) {
      Flatten(*inner, name + ".", path, out);
    } else {
      out->push_back(FromNode(name, node, path));
    }
  }
}

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// The files that `path` stands for.
Result<std::vector<std::string>> Expand(const std::string& path, bool missing_is_error) {
  struct stat st {};
  if (stat(path.c_str(), &st) < 0) {
    const bool is_default =
        std::find(kDefaultPaths.begin(), kDefaultPaths.end(), path) != kDefaultPaths.end();
    const bool missing = errno == ENOENT || errno == ENOTDIR;
    if (missing && (is_default || !missing_is_error)) return std::vector<std::string>();
    return ErrnoStatus(errno, "cannot read configuration " + path);
  }
  if (!S_ISDIR(st.st_mode)) return std::vector<std::string>{path};
  SHOJI_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDir(path));
  std::vector<std::string> files;
  for (const std::string& name : names) {
    if (EndsWith(name, ".toml")) files.push_back(path + "/" + name);
  }
  return files;
}

}  // namespace

Result<std::vector<Setting>> ParseToml(std::string_view text, const std::string& path) {
  const toml::parse_result result = toml::parse(text, path);
  if (!result) {
    const toml::parse_error& error = result.error();
    return InvalidArgument(path + ":" + std::to_string(error.source().begin.line) +
                           ": not valid TOML: " + std::string(error.description()));
  }
  std::vector<Setting> settings;
  Flatten(result.table(), "", path, &settings);
  return settings;
}

Result<std::vector<Setting>> ReadConfigFiles(const std::vector<std::string>& files,
                                             bool missing_is_error) {
  std::vector<Setting> all;
  for (const std::string& given : files) {
    SHOJI_ASSIGN_OR_RETURN(const std::vector<std::string> paths, Expand(given, missing_is_error));
    for (const std::string& path : paths) {
      SHOJI_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, 1U << 20U));
      SHOJI_ASSIGN_OR_RETURN(std::vector<Setting> settings, ParseToml(text, path));
      std::move(settings.begin(), settings.end(), std::back_inserter(all));
    }
  }
  return all;
}

}  // namespace shoji
