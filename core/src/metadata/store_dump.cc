#include "metadata/store_dump.h"

#include <exception>
#include <nlohmann/json.hpp>

#include "metadata/hex.h"
#include "metadata/keys.h"
#include "metadata/text.h"

namespace shoji {
namespace {

using nlohmann::json;

constexpr char kHidden[] = "(hidden)";

// "NAME=value"; what is no UTF-8 stands there in hexadecimal, with its name.
void HideVariables(json& variables) {
  if (!variables.is_array()) {
    variables = kHidden;
    return;
  }
  for (json& variable : variables) {
    std::string name;
    if (variable.is_string()) {
      const auto& text = variable.get_ref<const std::string&>();
      const std::size_t equals = text.find('=');
      if (equals != std::string::npos) name = text.substr(0, equals + 1);
    }
    variable = name + kHidden;
  }
}

void Hide(json& value);

void HideInSpec(json& spec) {
  if (!spec.is_string() || spec.get_ref<const std::string&>().empty()) return;
  const auto& text = spec.get_ref<const std::string&>();
  json document;
  if (CheckDepth(text).ok()) document = json::parse(text, nullptr, false);
  if (!document.is_object()) {
    spec = kHidden;
    return;
  }
  Hide(document);
  spec = document.dump(-1, ' ', false, json::error_handler_t::replace);
}

void Hide(json& value) {
  if (value.is_object()) {
    for (auto& [name, item] : value.items()) {
      if (name == "env" || name == "envs") {
        HideVariables(item);
      } else if (name == "oci_spec") {
        HideInSpec(item);
      } else {
        Hide(item);
      }
    }
  } else if (value.is_array()) {
    for (json& item : value) Hide(item);
  }
}

void DumpRecord(const std::string& text, bool secrets, StoreEntry& entry) {
  json document;
  if (CheckDepth(text).ok()) document = json::parse(text, nullptr, false);
  if (!document.is_object()) {
    entry.problem = "it is damaged: no JSON object";
    if (secrets) entry.json = IsUtf8(text) ? json(text).dump() : json{{"hex", ToHex(text)}}.dump();
    return;
  }
  if (!secrets) Hide(document);
  entry.json = document.dump();
}

}  // namespace

StoreEntry DumpEntry(const std::string& key, const std::string& value, bool secrets) {
  StoreEntry entry;
  entry.key = key;
  entry.size = value.size();
  const bool ours =
      IsBelow(key, kContainerPrefix) || key == kSandboxListKey || key == kStoreMarkKey;
  if (IsBelow(key, kSandboxPrefix)) {
    DumpRecord(value, secrets, entry);
  } else if (!ours && !secrets) {
    entry.problem = "not shown: it is no key of Shoji's";
  } else {
    entry.json = IsUtf8(value) ? json(value).dump() : json{{"hex", ToHex(value)}}.dump();
  }
  return entry;
}

}  // namespace shoji
