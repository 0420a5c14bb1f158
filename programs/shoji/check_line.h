// One thing that `shoji check` looked at, and what to do about it.
//
// Threads  Values.
// Example  lines.push_back({"overlayfs", CheckLevel::kOk, "known to the kernel", ""});
#ifndef SHOJI_PROGRAMS_SHOJI_CHECK_LINE_H_
#define SHOJI_PROGRAMS_SHOJI_CHECK_LINE_H_

#include <string>
#include <vector>

namespace shoji::cli {

// A warning: VMs run, but something is slower or missing. Failed: no VM runs.
enum class CheckLevel { kOk, kWarning, kFailed };

struct CheckLine {
  std::string item;
  CheckLevel level = CheckLevel::kOk;
  std::string detail;
  std::string advice;  // what to do; empty when all is well
};

using CheckLines = std::vector<CheckLine>;

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_CHECK_LINE_H_
