// What container engines read when a command fails: the log file and the words in it.
//
// Purpose  Engines give --log FILE --log-format json|text and read the reason of a failure from
//          there. podman takes the file as one JSON object, so a failed command writes that line
//          alone; warnings of a command that succeeds are written at its end.
// Threads  Safe.
// Example
//     SHOJI_ASSIGN_OR_RETURN(auto log, EngineLog::Open("/run/c1/oci-log", "json"));
//     log->Error("container `c1` does not exist");
#ifndef SHOJI_PROGRAMS_SHOJI_OCI_ENGINE_LOG_H_
#define SHOJI_PROGRAMS_SHOJI_OCI_ENGINE_LOG_H_

#include <memory>
#include <string>
#include <vector>

#include "command.h"
#include "shoji/base/thread_annotations.h"
#include "shoji/status.h"

namespace shoji::cli {

class EngineLog {
 public:
  // INVALID_ARGUMENT for an unknown format. The file is appended to, and made when it is missing.
  static Result<std::shared_ptr<EngineLog>> Open(const std::string& path, const std::string& format,
                                                 bool debug);
  // Writes what Add() kept, unless an error was told.
  ~EngineLog();
  EngineLog(const EngineLog&) = delete;
  EngineLog& operator=(const EngineLog&) = delete;

  // A line of the runtime's own log; at once with --debug.
  void Add(LogLevel level, const std::string& text);
  // Why the command fails.
  void Error(const std::string& text);

 private:
  EngineLog(std::string path, bool json, bool debug)
      : path_(std::move(path)), json_(json), debug_(debug) {}
  std::string Line(const char* level, const std::string& text) const;
  void Write(const std::string& lines) const;

  const std::string path_;
  const bool json_;
  const bool debug_;
  Mutex mutex_;
  std::string kept_ SHOJI_GUARDED_BY(mutex_);
  bool failed_ SHOJI_GUARDED_BY(mutex_) = false;
};

// Tells the failure on stderr and in the log. The commands of engines end with 1, as runc's and
// crun's; 126 and 127 when the command of the container is why.
int FailEngine(const Invocation& invocation, const Status& status);
// The same for commands that people use, too: their exit statuses (exit_status.h).
int FailShared(const Invocation& invocation, const Status& status);

// `status` in the words that podman recognises when `program` cannot be run.
Status InEngineWords(const Status& status, const std::string& program);

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_OCI_ENGINE_LOG_H_
