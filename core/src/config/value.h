// One option value: text as an operator writes it, checked and made canonical.
//
// Threads  Safe, no state.
// Example  Canonical({"x", OptionType::kSize}, "256M") == "268435456"
#ifndef SHOJI_CORE_CONFIG_VALUE_H_
#define SHOJI_CORE_CONFIG_VALUE_H_

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "config/config.h"
#include "shoji/status.h"

namespace shoji {

// The canonical text (see OptionType). INVALID_ARGUMENT says what is allowed; the value
// of a secret option is not shown.
Result<std::string> Canonical(const OptionSpec& spec, std::string_view text);

// "500ms", "10s", "2m", "1h", "250us", "7ns", "1m30s". A number needs its unit, but for 0.
Result<std::chrono::nanoseconds> ParseDuration(std::string_view text);

// The words of plugin notes: "string", "int", "bool", "size", "path", "list", "duration".
std::optional<OptionType> ParseOptionType(std::string_view word);
std::string_view OptionTypeName(OptionType type);

}  // namespace shoji

#endif  // SHOJI_CORE_CONFIG_VALUE_H_
