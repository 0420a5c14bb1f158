#include "layout.h"

#include <vector>

#include "shoji/base/strings.h"

namespace shoji::filesystem {
namespace {

constexpr std::size_t kMaxName = 200;  // file systems allow 255; leaves room for the mark
constexpr char kRecord = '=';
constexpr char kContinued = '+';
constexpr std::string_view kHex = "0123456789ABCDEF";

bool IsPlain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.';
}

std::string Encode(char c, bool first) {
  if (IsPlain(c) && !(first && c == '.')) return std::string(1, c);
  const auto byte = static_cast<unsigned char>(c);
  return {'%', kHex[byte >> 4U], kHex[byte & 15U]};
}

std::string EncodeComponent(std::string_view component) {
  std::string out;
  std::size_t used = 0;
  for (const char c : component) {
    const std::string piece = Encode(c, used == 0);
    if (used + piece.size() > kMaxName) {
      // The next name begins: encode anew, for its first byte must be no dot.
      out += std::string(1, kContinued) + "/" + Encode(c, true);
      used = Encode(c, true).size();
      continue;
    }
    out += piece;
    used += piece.size();
  }
  return out;
}

}  // namespace

std::string PathOfKey(std::string_view key) {
  std::string path;
  for (const std::string& component : Split(key, '/')) {
    if (!path.empty()) path += '/';
    path += EncodeComponent(component);
  }
  return path + kRecord;
}

std::optional<NamePart> ParseName(std::string_view name) {
  if (name.empty() || name[0] == '.') return std::nullopt;
  NamePart part;
  part.record = name.back() == kRecord;
  const bool continued = name.back() == kContinued;
  if (part.record || continued) name.remove_suffix(1);
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] != '%') {
      if (!IsPlain(name[i])) return std::nullopt;
      part.text += name[i];
      continue;
    }
    if (i + 2 >= name.size()) return std::nullopt;
    const std::size_t high = kHex.find(name[i + 1]);
    const std::size_t low = kHex.find(name[i + 2]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    part.text += static_cast<char>(static_cast<unsigned char>(high << 4U | low));
    i += 2;
  }
  if (part.text.empty()) return std::nullopt;
  if (!part.record && !continued) part.text += '/';
  return part;
}

}  // namespace shoji::filesystem
