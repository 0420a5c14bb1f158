// TOML files, flattened to dotted names with their lines.
//
// Threads  Safe, no state.
// Example  "[log]\nlevel = \"debug\"" is {"log.level", "debug", "/etc/shoji/shoji.toml:2"}
#ifndef SHOJI_CORE_CONFIG_FILES_H_
#define SHOJI_CORE_CONFIG_FILES_H_

#include <string>
#include <string_view>
#include <vector>

#include "shoji/status.h"

namespace shoji {

enum class SettingKind { kText, kInteger, kFloat, kBoolean, kList, kOther };

// One assignment as it stands in a source.
struct Setting {
  std::string name;
  std::string text;  // list items separated by '\n'
  std::string origin;
  SettingKind kind = SettingKind::kText;
};

// The settings of one TOML text. INVALID_ARGUMENT: "<path>:<line>: ...".
Result<std::vector<Setting>> ParseToml(std::string_view text, const std::string& path);

// The settings of `files` in order; see Config::Sources.
Result<std::vector<Setting>> ReadConfigFiles(const std::vector<std::string>& files,
                                             bool missing_is_error);

}  // namespace shoji

#endif  // SHOJI_CORE_CONFIG_FILES_H_
