// Messages for whoever looks after the agent.
//
// Purpose  Lines on stderr that begin with their level, "<3>...". In a VM the boot makes
//          stderr the kernel's log, which reads levels this way.
// Threads  Log() is safe; the rest is for the start of the program.
// Example  Log(LogLevel::kWarning, "cannot bring up lo: " + status.message());
#ifndef SHOJI_GUEST_AGENT_LOG_H_
#define SHOJI_GUEST_AGENT_LOG_H_

#include <functional>
#include <string_view>

namespace shoji::agent {

// The numbers are the kernel's.
enum class LogLevel { kFatal = 0, kError = 3, kWarning = 4, kInfo = 6, kDebug = 7 };

void Log(LogLevel level, std::string_view message);

// What is less important is left out; info at first.
void SetLogLevel(LogLevel least);
// Also gets every line; nullptr ends it.
void SetLogTap(std::function<void(std::string_view line)> tap);

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_LOG_H_
