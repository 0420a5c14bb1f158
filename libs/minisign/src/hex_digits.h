// The bytes of a digest as small hexadecimal digits.
//
// Threads  Safe, no state.
// Example  HexDigits(digest)  // "ba7816bf..."
#ifndef SHOJI_MINISIGN_SRC_HEX_DIGITS_H_
#define SHOJI_MINISIGN_SRC_HEX_DIGITS_H_

#include <span>
#include <string>

namespace shoji::internal {

inline std::string HexDigits(std::span<const unsigned char> bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const unsigned char byte : bytes) {
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 15U];
  }
  return text;
}

}  // namespace shoji::internal

#endif  // SHOJI_MINISIGN_SRC_HEX_DIGITS_H_
