// What came out, for people and for programs.
//
// Threads  Safe, no state.
#ifndef SHOJI_VALIDATE_REPORT_H_
#define SHOJI_VALIDATE_REPORT_H_

#include <string>
#include <vector>

#include "runner.h"

namespace shoji::validate {

enum class Format { kText, kJson, kJunit };

struct Report {
  const Target* target = nullptr;
  std::vector<Record> records;
  std::vector<std::string> warnings;  // of the kit itself, e.g. a waiver that nothing needs

  std::size_t Count(CheckResult result) const;
  // Nothing failed or crashed.
  bool conforms() const;
};

std::string Render(const Report& report, Format format);

// The table of `shoji-validate list`.
std::string RenderList(const std::vector<Check>& checks, Format format);

}  // namespace shoji::validate

#endif  // SHOJI_VALIDATE_REPORT_H_
