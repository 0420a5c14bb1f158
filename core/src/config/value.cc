#include "config/value.h"

#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include "shoji/base/strings.h"

namespace shoji {
namespace {

constexpr std::array<std::pair<std::string_view, OptionType>, 7> kTypes = {{
    {"string", OptionType::kString},
    {"int", OptionType::kInt},
    {"bool", OptionType::kBool},
    {"size", OptionType::kSize},
    {"path", OptionType::kPath},
    {"list", OptionType::kList},
    {"duration", OptionType::kDuration},
}};

// Longer units first: "ms" is not "m".
constexpr std::array<std::pair<std::string_view, std::int64_t>, 6> kUnits = {{
    {"ns", 1},
    {"us", 1'000},
    {"ms", 1'000'000},
    {"s", 1'000'000'000},
    {"m", 60'000'000'000},
    {"h", 3'600'000'000'000},
}};

std::string Shown(const OptionSpec& spec, std::string_view text) {
  return spec.secret ? "the value (a secret)" : "\"" + std::string(text) + "\"";
}

Result<std::string> CanonicalBool(const OptionSpec& spec, std::string_view text) {
  for (const std::string_view word : {"true", "yes", "on", "1"}) {
    if (text == word) return std::string("true");
  }
  for (const std::string_view word : {"false", "no", "off", "0"}) {
    if (text == word) return std::string("false");
  }
  return InvalidArgument(Shown(spec, text) + " is not a boolean; write true or false");
}

Result<std::string> CanonicalPath(const OptionSpec& spec, std::string_view text) {
  // A relative path would mean something else in each working directory. A name without
  // '/' is allowed: programs are looked up in PATH.
  if (!text.empty() && text[0] != '/' && text.find('/') != std::string_view::npos) {
    return InvalidArgument(Shown(spec, text) + " is a relative path; write it from / on");
  }
  return std::string(text);
}

Result<std::string> CanonicalList(std::string_view text) {
  const char separator = text.find('\n') != std::string_view::npos ? '\n' : ',';
  std::vector<std::string> items;
  for (const std::string& item : Split(text, separator)) {
    if (const std::string_view trimmed = Trim(item); !trimmed.empty()) items.emplace_back(trimmed);
  }
  return Join(items, "\n");
}

Status NotADuration(std::string_view text) {
  return InvalidArgument("\"" + std::string(text) +
                         "\" is not a duration; write a number with its unit, e.g. 500ms, 10s, 2m");
}

// Takes "<number><unit>" off the front; nothing when there is none.
std::optional<std::int64_t> TakePart(std::string_view& text) {
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || number < 0) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
  for (const auto& [unit, nanos] : kUnits) {
    if (text.substr(0, unit.size()) != unit) continue;
    if (number > std::numeric_limits<std::int64_t>::max() / nanos) return std::nullopt;
    text.remove_prefix(unit.size());
    return number * nanos;
  }
  return std::nullopt;
}

template <typename T>
Result<std::string> Decimal(const OptionSpec& spec, Result<T> number, std::string_view advice) {
  if (number.ok()) return std::to_string(*number);
  if (!spec.secret) return std::move(number).status();
  return InvalidArgument("the value (a secret) is not " + std::string(advice));
}

}  // namespace

Result<std::chrono::nanoseconds> ParseDuration(std::string_view text) {
  if (text == "0") return std::chrono::nanoseconds(0);
  std::int64_t total = 0;
  std::string_view rest = text;
  do {
    const std::optional<std::int64_t> part = TakePart(rest);
    if (!part || *part > std::numeric_limits<std::int64_t>::max() - total) {
      return NotADuration(text);
    }
    total += *part;
  } while (!rest.empty());
  return std::chrono::nanoseconds(total);
}

Result<std::string> Canonical(const OptionSpec& spec, std::string_view text) {
  if (text.find('\0') != std::string_view::npos) {
    return InvalidArgument("the value contains a NUL byte");
  }
  switch (spec.type) {
    case OptionType::kString:
      return std::string(text);
    case OptionType::kInt:
      return Decimal(spec, ParseInt(text), "a whole number");
    case OptionType::kBool:
      return CanonicalBool(spec, text);
    case OptionType::kSize:
      return Decimal(spec, ParseSize(text), "a size");
    case OptionType::kPath:
      return CanonicalPath(spec, text);
    case OptionType::kList:
      return CanonicalList(text);
    case OptionType::kDuration: {
      const Result<std::chrono::nanoseconds> span = ParseDuration(text);
      if (!span.ok()) return Decimal(spec, Result<std::int64_t>(span.status()), "a duration");
      return std::to_string(span->count());
    }
  }
  return Internal("option " + spec.name + " has an unknown type");
}

std::optional<OptionType> ParseOptionType(std::string_view word) {
  for (const auto& [name, type] : kTypes) {
    if (name == word) return type;
  }
  return std::nullopt;
}

std::string_view OptionTypeName(OptionType type) {
  for (const auto& [name, value] : kTypes) {
    if (value == type) return name;
  }
  return "unknown";
}

}  // namespace shoji
