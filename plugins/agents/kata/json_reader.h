// Reads typed fields of a JSON object and remembers the first thing that is wrong, with its
// path: "process.args[1] is a number, expected a string".
//
// Purpose  Converters stay one line a field; missing and null fields are the proto's default.
// Threads  One.
// Example  Status error; JsonReader r(json, &error); p->set_cwd(r.Required("cwd"));
#ifndef SHOJI_AGENT_KATA_JSON_READER_H_
#define SHOJI_AGENT_KATA_JSON_READER_H_

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "shoji/status.h"

namespace shoji::agent_kata {

class JsonReader {
 public:
  using Json = nlohmann::json;

  // `object` is a JSON object; both are borrowed. `name` goes in front of every path.
  JsonReader(const Json& object, Status* error, std::string name = {})
      : object_(object), error_(error), path_(std::move(name)) {}

  std::string String(const char* key) const;
  std::string Required(const char* key) const;  // a string that must be there
  bool Bool(const char* key) const;
  std::int64_t Int64(const char* key) const;
  std::uint64_t Uint64(const char* key) const;
  std::uint32_t Uint32(const char* key) const;
  std::int32_t Int32(const char* key) const;
  // Which of `count` names the string is; its number is taken too. 0 when it is missing.
  int Choice(const char* key, const char* const* names, int count) const;

  // Calls body(JsonReader) if the object is there.
  template <typename Body>
  void Object(const char* key, Body&& body) const {
    const Json* value = Find(key);
    if (value == nullptr || !Expect(*value, value->is_object(), key, "an object")) return;
    body(JsonReader(*value, error_, PathTo(key)));
  }
  template <typename Body>
  void RequiredObject(const char* key, Body&& body) const {
    if (Find(key) == nullptr) return Missing(key);
    Object(key, std::forward<Body>(body));
  }
  // Calls body(JsonReader) for each object of an array.
  template <typename Body>
  void Each(const char* key, Body&& body) const {
    const Json* array = Array(key);
    if (array == nullptr) return;
    for (std::size_t i = 0; i < array->size(); ++i) {
      const std::string name = Element(key, i);
      if (!Expect((*array)[i], (*array)[i].is_object(), name.c_str(), "an object")) return;
      body(JsonReader((*array)[i], error_, PathTo(name.c_str())));
    }
  }
  // Fills a repeated field of strings, or of unsigned 32-bit numbers.
  template <typename Repeated>
  void Strings(const char* key, Repeated* out) const {
    const Json* array = Array(key);
    if (array == nullptr) return;
    for (std::size_t i = 0; i < array->size(); ++i) {
      const Json& value = (*array)[i];
      if (!Expect(value, value.is_string(), Element(key, i).c_str(), "a string")) return;
      *out->Add() = value.get_ref<const std::string&>();
    }
  }
  template <typename Repeated>
  void Uint32s(const char* key, Repeated* out) const {
    const Json* array = Array(key);
    if (array == nullptr) return;
    for (std::size_t i = 0; i < array->size(); ++i) {
      out->Add(
          static_cast<std::uint32_t>(Unsigned((*array)[i], Element(key, i).c_str(), 0xFFFF'FFFFU)));
    }
  }
  template <typename Map>
  void StringMap(const char* key, Map* out) const {
    Object(key, [out](const JsonReader& map) {
      for (const auto& [name, value] : map.object_.items()) {
        if (!map.Expect(value, value.is_string(), name.c_str(), "a string")) return;
        (*out)[name] = value.template get_ref<const std::string&>();
      }
    });
  }
  bool Has(const char* key) const { return Find(key) != nullptr; }
  void Missing(const char* key) const;

 private:
  const Json* Find(const char* key) const;
  const Json* Array(const char* key) const;
  std::uint64_t Unsigned(const Json& value, const char* name, std::uint64_t max) const;
  // False, and the error is set, when `ok` is false.
  bool Expect(const Json& value, bool ok, const char* name, const char* expected) const;
  std::string PathTo(const char* key) const { return path_.empty() ? key : path_ + "." + key; }
  static std::string Element(const char* key, std::size_t index) {
    return std::string(key) + "[" + std::to_string(index) + "]";
  }

  const Json& object_;
  Status* const error_;
  const std::string path_;
};

}  // namespace shoji::agent_kata

#endif  // SHOJI_AGENT_KATA_JSON_READER_H_
