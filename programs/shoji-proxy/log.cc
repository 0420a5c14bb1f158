#include "log.h"

#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "shoji/base/file.h"

namespace shoji::proxy {

namespace {

constexpr std::array<const char*, 7> kNames = {"panic", "fatal", "error", "warning",
                                               "info",  "debug", "trace"};

int Priority(LogLevel level) {
  constexpr std::array kPriorities = {LOG_CRIT, LOG_CRIT,  LOG_ERR,  LOG_WARNING,
                                      LOG_INFO, LOG_DEBUG, LOG_DEBUG};
  return kPriorities[static_cast<std::size_t>(level)];
}

std::string Now() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  tm parts{};
  gmtime_r(&now.tv_sec, &parts);
  std::array<char, 40> text{};
  const std::size_t size = strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  snprintf(text.data() + size, text.size() - size, ".%09ldZ", now.tv_nsec);
  return text.data();
}

bool Plain(char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; }

}  // namespace

Result<LogLevel> ParseLogLevel(const std::string& name) {
  const std::string wanted = name == "warn" ? "warning" : name;
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (wanted == kNames[i]) return static_cast<LogLevel>(i);
  }
  return InvalidArgument("-log is \"" + name +
                         "\"; write panic, fatal, error, warn, info, debug or trace");
}

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (Plain(c)) {
      out += c;
    } else if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else {
      std::array<char, 8> escaped{};
      snprintf(escaped.data(), escaped.size(), "\\x%02x", static_cast<unsigned char>(c));
      out += escaped.data();
    }
  }
  return out + "\"";
}

Log::Log(LogLevel level, std::string sandbox) : level_(level), sandbox_(std::move(sandbox)) {
  openlog("shoji-proxy", LOG_PID, LOG_DAEMON);  // connects with the first line
}

void Log::Write(LogLevel level, std::string_view message, std::string_view source) const {
  if (level > level_) return;
  std::string line =
      "level=" + std::string(kNames[static_cast<std::size_t>(level)]) + " msg=" + Quoted(message) +
      " name=shoji-proxy pid=" + std::to_string(getpid()) + " sandbox=" + Quoted(sandbox_);
  if (!source.empty()) line += " source=" + std::string(source);
  syslog(Priority(level), "%s", line.c_str());
  // A log that nobody takes is no reason to end.
  static_cast<void>(WriteAll(STDOUT_FILENO, "time=" + Quoted(Now()) + " " + line + "\n"));
}

}  // namespace shoji::proxy
