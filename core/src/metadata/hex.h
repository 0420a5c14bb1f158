// Bytes as text, for blobs inside JSON.
//
// Threads  Safe, no state.
// Example  ToHex("\x01\xff") == "01ff"
#ifndef SHOJI_CORE_METADATA_HEX_H_
#define SHOJI_CORE_METADATA_HEX_H_

#include <string>
#include <string_view>

#include "shoji/status.h"

namespace shoji {

std::string ToHex(std::string_view bytes);
// INVALID_ARGUMENT for an odd count of digits or another character.
Result<std::string> FromHex(std::string_view text);

}  // namespace shoji

#endif  // SHOJI_CORE_METADATA_HEX_H_
