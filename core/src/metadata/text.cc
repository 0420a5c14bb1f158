#include "metadata/text.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "metadata/hex.h"

namespace shoji {
namespace {

using nlohmann::json;

struct Utf8Form {
  std::size_t size;
  unsigned char first_min;  // of the first byte
  unsigned char first_max;
  unsigned char second_min;  // no overlong form, no surrogate, nothing above U+10FFFF
  unsigned char second_max;
};
constexpr Utf8Form kForms[] = {
    {1, 0x00, 0x7f, 0x80, 0xbf}, {2, 0xc2, 0xdf, 0x80, 0xbf}, {3, 0xe0, 0xe0, 0xa0, 0xbf},
    {3, 0xe1, 0xec, 0x80, 0xbf}, {3, 0xed, 0xed, 0x80, 0x9f}, {3, 0xee, 0xef, 0x80, 0xbf},
    {4, 0xf0, 0xf0, 0x90, 0xbf}, {4, 0xf1, 0xf3, 0x80, 0xbf}, {4, 0xf4, 0xf4, 0x80, 0x8f},
};

bool Follows(std::string_view text, std::size_t i, unsigned char min, unsigned char max) {
  return i < text.size() && static_cast<unsigned char>(text[i]) >= min &&
         static_cast<unsigned char>(text[i]) <= max;
}

// Bytes of the character that begins at `at`; 0 when none does.
std::size_t CharacterAt(std::string_view text, std::size_t at) {
  for (const Utf8Form& form : kForms) {
    if (!Follows(text, at, form.first_min, form.first_max)) continue;
    if (form.size > 1 && !Follows(text, at + 1, form.second_min, form.second_max)) return 0;
    for (std::size_t i = 2; i < form.size; ++i) {
      if (!Follows(text, at + i, 0x80, 0xbf)) return 0;
    }
    return form.size;
  }
  return 0;
}

// A record has 6 levels, an OCI specification a few more.
constexpr int kMaxDepth = 64;

}  // namespace

bool IsUtf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    if (static_cast<unsigned char>(text[i]) < 0x80) {
      ++i;
      continue;
    }
    const std::size_t size = CharacterAt(text, i);
    if (size == 0) return false;
    i += size;
  }
  return true;
}

std::string EncodeText(std::string text) {
  if ((text.empty() || text[0] != '\0') && IsUtf8(text)) return text;
  return std::string(1, '\0') + ToHex(text);
}

Result<std::string> DecodeText(std::string text) {
  if (text.empty() || text[0] != '\0') return text;
  return FromHex(std::string_view(text).substr(1));
}

Status CheckDepth(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size() && depth <= kMaxDepth; ++i) {
    const char c = text[i];
    if (c == '"') in_string = !in_string;
    if (in_string && c == '\\') ++i;
    if (in_string) continue;
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
  }
  return depth <= kMaxDepth ? OkStatus() : DataLoss("it is damaged: it is nested too deeply");
}

void EncodeStrings(json& value) {
  if (value.is_string()) {
    auto& text = value.get_ref<std::string&>();
    text = EncodeText(std::move(text));
  } else if (value.is_array()) {
    for (json& item : value) EncodeStrings(item);
  } else if (value.is_object()) {
    json out = json::object();
    for (auto& [name, item] : value.items()) {
      EncodeStrings(item);
      out[EncodeText(name)] = std::move(item);
    }
    value = std::move(out);
  }
}

Status DecodeStrings(json& value) {
  if (value.is_string()) {
    auto& text = value.get_ref<std::string&>();
    SHOJI_ASSIGN_OR_RETURN(text, DecodeText(std::move(text)));
  } else if (value.is_array()) {
    for (json& item : value) SHOJI_RETURN_IF_ERROR(DecodeStrings(item));
  } else if (value.is_object()) {
    json out = json::object();
    for (auto& [name, item] : value.items()) {
      SHOJI_RETURN_IF_ERROR(DecodeStrings(item));
      SHOJI_ASSIGN_OR_RETURN(const std::string plain, DecodeText(name));
      out[plain] = std::move(item);
    }
    value = std::move(out);
  }
  return OkStatus();
}

}  // namespace shoji
