// Fields of JSON objects that may be absent or null.
//
// Purpose  One way to read them for what edits specifications; only for .cc files.
// Threads  Safe, no state. A field of the wrong type throws nlohmann's exception, which the
//          public functions of spec.h catch.
// Example  const std::string path = ValueOr(device, "path", std::string());
#ifndef SHOJI_CORE_OCI_JSON_FIELDS_H_
#define SHOJI_CORE_OCI_JSON_FIELDS_H_

#include <nlohmann/json.hpp>

namespace shoji {

// A copy of object `in`[name], or an empty one.
inline nlohmann::json ObjectOr(const nlohmann::json& in, const char* name) {
  const auto it = in.find(name);
  return it == in.end() || it->is_null() ? nlohmann::json::object() : *it;
}

inline nlohmann::json ArrayOr(const nlohmann::json& in, const char* name) {
  const auto it = in.find(name);
  return it == in.end() || it->is_null() ? nlohmann::json::array() : *it;
}

template <typename T>
T ValueOr(const nlohmann::json& in, const char* name, T fallback) {
  const auto it = in.find(name);
  return it == in.end() || it->is_null() ? fallback : it->template get<T>();
}

}  // namespace shoji

#endif  // SHOJI_CORE_OCI_JSON_FIELDS_H_
