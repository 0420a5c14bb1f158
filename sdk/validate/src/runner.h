// Runs checks, each in a process of its own, and cleans up after them.
//
// Purpose  A check that crashes, hangs, exits, or leaves processes and files behind harms
//          nobody else. Above each one stands a supervisor that has loaded nothing: it ends what
//          takes too long, finds every descendant, and removes the scratch directory.
// Threads  One; several checks run side by side as processes.
// Example
//     for (const Record& record : RunChecks(target, checks, {})) Print(record);
#ifndef SHOJI_VALIDATE_RUNNER_H_
#define SHOJI_VALIDATE_RUNNER_H_

#include <chrono>
#include <string>
#include <vector>

#include "check.h"
#include "shoji/status.h"

namespace shoji::validate {

enum class CheckResult { kPass, kFail, kCrash, kSkip, kWarning, kWaived };

std::string_view ResultName(CheckResult result);

struct Record {
  const Check* check = nullptr;
  CheckResult result = CheckResult::kSkip;
  std::string reason;             // one line
  std::vector<std::string> left;  // processes: "123 (sleep 1000)"
  std::int64_t milliseconds = 0;
};

struct RunOptions {
  std::chrono::seconds timeout{30};
  unsigned jobs = 2;
  bool in_process = false;
};

// One record for each check, in their order. A check whose needs did not pass is skipped; a
// need that is not among `checks` counts as passed. INTERNAL when no process can be made.
Result<std::vector<Record>> RunChecks(const Target& target, const std::vector<Check>& checks,
                                      const RunOptions& options);

}  // namespace shoji::validate

#endif  // SHOJI_VALIDATE_RUNNER_H_
