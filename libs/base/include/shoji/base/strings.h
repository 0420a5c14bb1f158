// Small text work that several rooms need.
//
// Threads  Safe, no state.
// Example  ParseSize("256M") == 268435456
#ifndef SHOJI_BASE_STRINGS_H_
#define SHOJI_BASE_STRINGS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shoji/status.h"

namespace shoji {

// Pieces between separators; "a,,b" gives three. The empty text gives none.
std::vector<std::string> Split(std::string_view text, char separator);

std::string Join(const std::vector<std::string>& parts, std::string_view separator);

// Without white space at both ends.
std::string_view Trim(std::string_view text);

// Bytes: "512", "64K", "256M", "256MiB", "2G" (powers of 1024). INVALID_ARGUMENT otherwise.
Result<std::uint64_t> ParseSize(std::string_view text);

// A decimal number, all of the text.
Result<std::int64_t> ParseInt(std::string_view text);

// The candidate most like `word` ("memry" -> "memory"), or empty when none is near.
std::string Suggest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace shoji

#endif  // SHOJI_BASE_STRINGS_H_
