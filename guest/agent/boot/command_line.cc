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

// As Go's: what hosts write.
std::optional<bool> ParseBool(std::string_view text) {
  for (const std::string_view yes : {"1", "t", "T", "true", "TRUE", "True"}) {
    if (text == yes) return true;
  }
  for (const std::string_view no : {"0", "f", "F", "false", "FALSE", "False"}) {
    if (text == no) return false;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> ParsePort(std::string_view text) {
  const auto port = ParseInt(text);
  if (!port.ok() || *port <= 0 || *port >= std::numeric_limits<std::uint32_t>::max()) {
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(*port);
}

std::optional<unsigned> ParsePipeSize(std::string_view text) {
  const auto size = ParseInt(text);
  if (!size.ok() || *size < 0 || *size > std::numeric_limits<int>::max()) return std::nullopt;
  return static_cast<unsigned>(*size);
}

// False for nonsense, which changes nothing.
template <typename Parsed, typename Field>
bool Take(const std::optional<Parsed>& parsed, Field* field) {
  if (parsed) *field = *parsed;
  return parsed.has_value();
}

bool SetOption(std::string_view name, std::string_view value, AgentOptions* options) {
  if (name == "log") return Take(ParseLevel(value), &options->log_level);
  if (name == "log_vport") return Take(ParsePort(value), &options->log_vport);
  if (name == "use_vsock") return Take(ParseBool(value), &options->use_vsock);
  if (name == "debug_console_vport") return Take(ParsePort(value), &options->debug_vport);
  if (name == "hotplug_timeout") return Take(ParseDuration(value), &options->hotplug_timeout);
  if (name == "container_pipe_size") {
    return Take(ParsePipeSize(value), &options->container_pipe_size);
  }
  if (name == "devmode") options->devmode = true;
  if (name == "debug_console") options->debug_console = true;
  return true;
}

bool IsIdle(std::string_view name) { return name == "trace" || name == "unified_cgroup_hierarchy"; }

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
    if (IsIdle(name)) options.idle.emplace_back(word);
    if (!SetOption(name, value, &options)) options.complaints.emplace_back(word);
  }
  if (options.devmode) options.log_level = LogLevel::kDebug;
  return options;
}

}  // namespace shoji::agent
