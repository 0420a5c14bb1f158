#include "boot/command_line.h"

#include <array>
#include <limits>
#include <optional>
#include <utility>

#include "shoji/base/strings.h"

namespace shoji::agent {
namespace {

std::optional<LogLevel> ParseLevel(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, LogLevel>, 7> kLevels = {
      {{"trace", LogLevel::kDebug},
       {"debug", LogLevel::kDebug},
       {"info", LogLevel::kInfo},
       {"warn", LogLevel::kWarning},
       {"warning", LogLevel::kWarning},
       {"error", LogLevel::kError},
       {"fatal", LogLevel::kFatal}}};
  for (const auto& [name, level] : kLevels) {
    if (name == text) return level;
  }
  return std::nullopt;
}

// The part of Go's duration format that people write: "3s", "500ms", "2m", "1h".
std::optional<std::chrono::nanoseconds> ParseDuration(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, std::int64_t>, 4> kUnits = {
      {{"ms", 1'000'000}, {"s", 1'000'000'000}, {"m", 60'000'000'000}, {"h", 3'600'000'000'000}}};
  for (const auto& [unit, nanos] : kUnits) {
    if (!text.ends_with(unit)) continue;
    const auto number = ParseInt(text.substr(0, text.size() - unit.size()));
    if (!number.ok() || *number < 0 || *number > 1'000'000) return std::nullopt;
    return std::chrono::nanoseconds(*number * nanos);
  }
  return std::nullopt;
}

bool SetOption(std::string_view name, std::string_view value, AgentOptions* options) {
  if (name == "log") {
    const auto level = ParseLevel(value);
    if (level) options->log_level = *level;
    return level.has_value();
  }
  if (name == "hotplug_timeout") {
    const auto span = ParseDuration(value);
    if (span) options->hotplug_timeout = *span;
    return span.has_value();
  }
  if (name == "container_pipe_size") {
    const auto size = ParseInt(value);
    const bool good = size.ok() && *size >= 0 && *size <= std::numeric_limits<int>::max();
    if (good) options->container_pipe_size = static_cast<unsigned>(*size);
    return good;
  }
  if (name == "devmode") options->devmode = true;
  if (name == "debug_console") options->debug_console = true;
  return true;
}

}  // namespace

AgentOptions ParseCommandLine(std::string_view text) {
  constexpr std::string_view kPrefix = "agent.";
  AgentOptions options;
  for (const std::string& raw : Split(text, ' ')) {
    const std::string_view word = Trim(raw);
    if (!word.starts_with(kPrefix)) continue;
    const std::size_t equals = word.find('=');
    const std::string_view name = word.substr(kPrefix.size(), equals - kPrefix.size());
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : word.substr(equals + 1);
    if (!SetOption(name, value, &options)) options.complaints.emplace_back(word);
  }
  return options;
}

}  // namespace shoji::agent
