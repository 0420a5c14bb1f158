#include "json_reader.h"

#include <limits>
#include <string_view>

namespace shoji::agent_kata {

namespace {

std::string Kind(const nlohmann::json& value) {
  using Type = nlohmann::json::value_t;
  switch (value.type()) {
    case Type::boolean:
      return "a boolean";
    case Type::string:
      return "a string";
    case Type::array:
      return "an array";
    case Type::object:
      return "an object";
    case Type::null:
      return "null";
    case Type::number_float:
    case Type::number_integer:
    case Type::number_unsigned:
      return "a number";
    default:
      return "something else";
  }
}

}  // namespace

const nlohmann::json* JsonReader::Find(const char* key) const {
  const auto it = object_.find(key);
  return it == object_.end() || it->is_null() ? nullptr : &*it;
}

const nlohmann::json* JsonReader::Array(const char* key) const {
  const Json* value = Find(key);
  if (value == nullptr || !Expect(*value, value->is_array(), key, "an array")) return nullptr;
  return value;
}

bool JsonReader::Expect(const Json& value, bool ok, const char* name, const char* expected) const {
  if (!ok && error_->ok()) {
    // A number is told when a number was expected: it is out of range then.
    const bool range = value.is_number() && std::string_view(expected).ends_with("integer");
    *error_ = InvalidArgument(PathTo(name) + " is " + (range ? value.dump() : Kind(value)) +
                              ", expected " + expected);
  }
  return ok;
}

void JsonReader::Missing(const char* key) const {
  if (error_->ok()) *error_ = InvalidArgument(PathTo(key) + " is missing");
}

std::string JsonReader::String(const char* key) const {
  const Json* value = Find(key);
  if (value == nullptr || !Expect(*value, value->is_string(), key, "a string")) return {};
  return value->get<std::string>();
}

std::string JsonReader::Required(const char* key) const {
  if (Find(key) == nullptr) Missing(key);
  return String(key);
}

bool JsonReader::Bool(const char* key) const {
  const Json* value = Find(key);
  return value != nullptr && Expect(*value, value->is_boolean(), key, "a boolean") &&
         value->get<bool>();
}

std::int64_t JsonReader::Int64(const char* key) const {
  const Json* value = Find(key);
  if (value == nullptr) return 0;
  const bool fits = value->is_number_integer() &&
                    (!value->is_number_unsigned() ||
                     value->get<std::uint64_t>() <=
                         static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
  return Expect(*value, fits, key, "a 64-bit integer") ? value->get<std::int64_t>() : 0;
}

std::uint64_t JsonReader::Unsigned(const Json& value, const char* name, std::uint64_t max) const {
  const bool fits = value.is_number_unsigned() && value.get<std::uint64_t>() <= max;
  const char* expected = max > 0xFFFF'FFFFU ? "an unsigned integer" : "an unsigned 32-bit integer";
  return Expect(value, fits, name, expected) ? value.get<std::uint64_t>() : 0;
}

std::uint64_t JsonReader::Uint64(const char* key) const {
  const Json* value = Find(key);
  return value == nullptr ? 0 : Unsigned(*value, key, std::numeric_limits<std::uint64_t>::max());
}

std::uint32_t JsonReader::Uint32(const char* key) const {
  const Json* value = Find(key);
  return value == nullptr ? 0 : static_cast<std::uint32_t>(Unsigned(*value, key, 0xFFFF'FFFFU));
}

std::int32_t JsonReader::Int32(const char* key) const {
  const Json* value = Find(key);
  const std::int64_t number = Int64(key);
  using Limits = std::numeric_limits<std::int32_t>;
  if (number >= Limits::min() && number <= Limits::max()) return static_cast<std::int32_t>(number);
  Expect(*value, false, key, "a 32-bit integer");
  return 0;
}

int JsonReader::Choice(const char* key, const char* const* names, int count) const {
  const Json* value = Find(key);
  if (value == nullptr) return 0;
  std::string all;
  for (int i = 0; i < count; ++i) {
    if (value->is_string() && value->get_ref<const std::string&>() == names[i]) return i;
    if (value->is_number_integer() && *value == i) return i;
    all += (i == 0 ? "" : " or ") + ("\"" + std::string(names[i]) + "\"");
  }
  if (error_->ok())
    *error_ = InvalidArgument(PathTo(key) + " is " +
                              value->dump(-1, ' ', true, Json::error_handler_t::replace) +
                              ", expected " + all);
  return 0;
}

}  // namespace shoji::agent_kata
