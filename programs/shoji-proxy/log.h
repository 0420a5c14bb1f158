// What the proxy says: lines "time=... level=... msg=..." on stdout and to the system's log.
//
// Purpose  kata-proxy's two places and its form. A machine without a system log is fine.
// Threads  One.
// Example  Log log(LogLevel::kWarn, "sandbox-1"); log.Write(LogLevel::kError, "the VM is gone");
#ifndef SHOJI_PROGRAMS_PROXY_LOG_H_
#define SHOJI_PROGRAMS_PROXY_LOG_H_

#include <string>
#include <string_view>

#include "shoji/status.h"

namespace shoji::proxy {

// As logrus counts: a level is written when it is not above the chosen one.
enum class LogLevel { kPanic, kFatal, kError, kWarn, kInfo, kDebug, kTrace };

// INVALID_ARGUMENT lists the names.
Result<LogLevel> ParseLogLevel(const std::string& name);

// In double quotes, on one line, with nothing in it that a terminal would obey.
std::string Quoted(std::string_view text);

class Log {
 public:
  Log(LogLevel level, std::string sandbox);
  void Write(LogLevel level, std::string_view message, std::string_view source = {}) const;

 private:
  const LogLevel level_;
  const std::string sandbox_;
};

}  // namespace shoji::proxy

#endif  // SHOJI_PROGRAMS_PROXY_LOG_H_
