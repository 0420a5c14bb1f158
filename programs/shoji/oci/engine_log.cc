#include "oci/engine_log.h"

#include <fcntl.h>
#include <syslog.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>

#include "exit_status.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"
#include "shoji/base/unique_fd.h"

namespace shoji::cli {
namespace {

constexpr int kExitEngine = 1;
// As crun takes them; a path without either is a file, as with runc.
constexpr char kFile[] = "file:";
constexpr char kSyslog[] = "syslog:";

const char* LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kTrace:
      return "trace";
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warning";
    case LogLevel::kError:
    case LogLevel::kOff:
      break;
  }
  return "error";
}

// RFC 3339.
std::string Now() {
  const time_t now = time(nullptr);
  tm parts = {};
  gmtime_r(&now, &parts);
  char text[32];
  strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

std::string Quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void WriteToSyslog(const std::string& tag, const std::string& lines) {
  openlog(tag.empty() ? "shoji" : tag.c_str(), LOG_PID, LOG_DAEMON);
  for (const std::string& line : Split(lines, '\n')) {
    if (!line.empty()) syslog(LOG_NOTICE, "%s", line.c_str());
  }
  closelog();
}

std::string OneLine(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

}  // namespace

Result<std::shared_ptr<EngineLog>> EngineLog::Open(const std::string& path,
                                                   const std::string& format, bool debug) {
  if (format != "json" && format != "text" && !format.empty()) {
    return InvalidArgument("--log-format \"" + format + "\" is not known; use text or json");
  }
  const bool to_syslog = path.rfind(kSyslog, 0) == 0;
  const std::string file_path = path.rfind(kFile, 0) == 0 ? path.substr(sizeof(kFile) - 1) : path;
  if (!to_syslog) {
    const UniqueFd file(open(file_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (!file) return ErrnoStatus(errno, "cannot open the log file " + file_path);
  }
  return std::shared_ptr<EngineLog>(new EngineLog(file_path, format == "json", debug));
}

EngineLog::~EngineLog() {
  if (!failed_ && !kept_.empty()) Write(kept_);
}

std::string EngineLog::Line(const char* level, const std::string& text) const {
  if (json_) {
    return std::string("{\"level\":\"") + level + "\",\"msg\":" + Quoted(text) + ",\"time\":\"" +
           Now() + "\"}\n";
  }
  return "time=\"" + Now() + "\" level=" + level + " msg=" + Quoted(text) + "\n";
}

void EngineLog::Write(const std::string& lines) const {
  if (path_.rfind(kSyslog, 0) == 0) return WriteToSyslog(path_.substr(sizeof(kSyslog) - 1), lines);
  const UniqueFd file(open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (file) (void)WriteAll(file.get(), lines);
}

void EngineLog::Add(LogLevel level, const std::string& text) {
  const std::string line = Line(LevelName(level), text);
  const MutexLock lock(mutex_);
  if (debug_) {
    Write(line);
  } else {
    kept_ += line;
  }
}

void EngineLog::Error(const std::string& text) {
  const MutexLock lock(mutex_);
  failed_ = true;
  Write(Line("error", text));
}

int FailShared(const Invocation& invocation, const Status& status) {
  if (invocation.global.log != nullptr) invocation.global.log->Error(OneLine(status.message()));
  return Fail(status);
}

int FailEngine(const Invocation& invocation, const Status& status) {
  const int code = FailShared(invocation, status);
  return code == kExitShojiFailed ? kExitEngine : code;
}

Status InEngineWords(const Status& status, const std::string& program) {
  const std::string reason = status.detail("reason");
  std::string text;
  if (reason == "command-not-found") {
    text = "executable file `" + program + "` not found in $PATH: No such file or directory";
  } else if (reason == "command-not-executable") {
    text = "open executable `" + program + "`: Permission denied";
  } else {
    return status;
  }
  return Status(status.code(), text).WithDetail("reason", reason);
}

}  // namespace shoji::cli
