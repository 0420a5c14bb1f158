// The process above a check.
//
// Threads  Runs in a process of one thread.
#ifndef SHOJI_VALIDATE_SUPERVISOR_H_
#define SHOJI_VALIDATE_SUPERVISOR_H_

#include <chrono>
#include <string>
#include <string_view>

#include "runner.h"

namespace shoji::validate {

struct SupervisorOptions {
  std::chrono::seconds timeout;
  int report_fd;          // the record is written to it
  int lifeline_fd;        // its other end is closed when the runner is gone
  std::string directory;  // exists; gets the scratch directory and the output of the check
};

// Runs `check` in a child, writes what came of it to `report_fd`, and does not return. No
// descendant is left then, and `directory` is removed.
[[noreturn]] void Supervise(const Target& target, const Check& check,
                            const SupervisorOptions& options);

// The check in this process.
Record RunHere(Target target, const Check& check);

std::string PackRecord(const Record& record);
// `check` is left alone. A torn text is a crash.
void UnpackRecord(std::string_view text, Record* record);

}  // namespace shoji::validate

#endif  // SHOJI_VALIDATE_SUPERVISOR_H_
