#include "layout.h"

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

// As which byte of a name; how many bytes it takes there.
std::size_t SizeOf(char c, bool first) { return IsPlain(c) && !(first && c == '.') ? 1 : 3; }

void Encode(char c, std::size_t size, std::string* out) {
  if (size == 1) {
    *out += c;
    return;
  }
  const auto byte = static_cast<unsigned char>(c);
  *out += '%';
  *out += kHex[byte >> 4U];
  *out += kHex[byte & 15U];
}

}  // namespace

std::string PathOfKey(std::string_view key) {
  std::string path;
  path.reserve(key.size() + 16);
  std::size_t used = 0;  // of the name that is being written
  for (const char c : key) {
    if (c == '/') {
      path += c;
      used = 0;
      continue;
    }
    if (used + SizeOf(c, used == 0) > kMaxName) {
      path += kContinued;
      path += '/';
      used = 0;
    }
    const std::size_t size = SizeOf(c, used == 0);
    Encode(c, size, &path);
    used += size;
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
