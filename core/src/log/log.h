// The one log of a Runtime: one format, one level.
//
// Purpose  Core and plugins (through shoji.log/1) write here; lines go to the embedder's
//          sink or to stderr as "2026-01-31T12:00:00.123Z warn  text".
// Threads  Safe; a sink is called by one thread at a time.
// Example  Logger log(LogLevel::kInfo, {});  log.Warn("plugin x.so is refused: ...");
#ifndef SHOJI_CORE_LOG_LOG_H_
#define SHOJI_CORE_LOG_LOG_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "shoji/runtime.h"
#include "shoji/status.h"

namespace shoji {

class Logger {
 public:
  using Sink = std::function<void(LogLevel, const std::string&)>;

  // `sink` empty: stderr. A sink must not throw; what it throws is dropped.
  Logger(LogLevel level, Sink sink);
  ~Logger();
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  bool Enabled(LogLevel level) const;
  // Line feeds in `text` become spaces: one message, one line.
  void Write(LogLevel level, const std::string& text);
  void Debug(const std::string& text) { Write(LogLevel::kDebug, text); }
  void Info(const std::string& text) { Write(LogLevel::kInfo, text); }
  void Warn(const std::string& text) { Write(LogLevel::kWarn, text); }
  void Error(const std::string& text) { Write(LogLevel::kError, text); }

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// "trace", "debug", "info", "warn", "error", "off". INVALID_ARGUMENT otherwise.
Result<LogLevel> ParseLogLevel(std::string_view name);

}  // namespace shoji

#endif  // SHOJI_CORE_LOG_LOG_H_
