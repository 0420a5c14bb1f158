// The OCI bundle that an engine hands over.
//
// Purpose  Reads config.json once, at create; later changes of the file have no effect.
// Threads  Values.
// Errors   Name the file, and the field that is wrong.
// Example  SHOJI_ASSIGN_OR_RETURN(const Bundle bundle, ReadBundle("/run/c1", "config.json"));
#ifndef SHOJI_PROGRAMS_SHOJI_OCI_BUNDLE_H_
#define SHOJI_PROGRAMS_SHOJI_OCI_BUNDLE_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "shoji/status.h"

namespace shoji::cli {

struct Bundle {
  std::string dir;   // absolute, symbolic links as the engine gave them
  std::string text;  // of config.json
  nlohmann::json spec;

  bool terminal() const;
  std::vector<std::string> args() const;
};

// `dir` empty: the current directory. `config` is relative to it.
Result<Bundle> ReadBundle(const std::string& dir, const std::string& config);

// Member `name` of an object, or `fallback` when it is missing, null or of another type.
template <typename Type>
Type Member(const nlohmann::json& object, const char* name, Type fallback) {
  if (!object.is_object()) return fallback;
  const auto it = object.find(name);
  if (it == object.end() || it->is_null()) return fallback;
  try {
    return it->template get<Type>();
  } catch (const nlohmann::json::exception&) {
    return fallback;
  }
}
// The member as it is; null when it is missing.
nlohmann::json Part(const nlohmann::json& object, const char* name);

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_OCI_BUNDLE_H_
