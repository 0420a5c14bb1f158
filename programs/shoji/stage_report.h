// How long the stages of a run took: a line of progress on a terminal, a table, JSON.
//
// Threads  Safe: spans arrive from the threads that finished them.
// Example
//     StageReport report(isatty(STDERR_FILENO));
//     options.on_span = [&](const Span& span) { report.Add(span); };
//     ... report.EndProgress(); report.PrintTable();
#ifndef SHOJI_PROGRAMS_SHOJI_STAGE_REPORT_H_
#define SHOJI_PROGRAMS_SHOJI_STAGE_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "shoji/base/thread_annotations.h"
#include "shoji/status.h"
#include "shoji/types.h"

namespace shoji::cli {

class StageReport {
 public:
  // `progress`: show the stage under way on stderr.
  explicit StageReport(bool progress);
  ~StageReport();

  void Add(const Span& span);
  // Removes the line of progress; nothing is shown afterwards.
  void EndProgress();

  // On stderr.
  void PrintTable() const;
  // {"total_ms", "stages": [{"name", "begin_ms", "duration_ms"}]}
  Status WriteJson(const std::string& path) const;

 private:
  std::vector<Span> Sorted() const;
  void Show(const std::string& stage) SHOJI_REQUIRES(mutex_);

  const std::int64_t begin_ns_;
  mutable Mutex mutex_;
  bool progress_ SHOJI_GUARDED_BY(mutex_);
  std::vector<Span> spans_ SHOJI_GUARDED_BY(mutex_);
};

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_STAGE_REPORT_H_
