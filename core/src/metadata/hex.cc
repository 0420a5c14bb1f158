#include "metadata/hex.h"

namespace shoji {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

}  // namespace

std::string ToHex(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
  return out;
}

Result<std::string> FromHex(std::string_view text) {
  if (text.size() % 2 != 0) return InvalidArgument("blob has an odd count of digits");
  std::string out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const std::size_t high = kDigits.find(text[i]);
    const std::size_t low = kDigits.find(text[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) {
      return InvalidArgument("blob has a character that is no hexadecimal digit");
    }
    out += static_cast<char>(high << 4U | low);
  }
  return out;
}

}  // namespace shoji
