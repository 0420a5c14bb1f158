// What a check of the conformance kit says.
//
// Purpose  One word and one line for each check. A crash or a hang is found by the runner,
//          which gives every check a process of its own; a check never reports these.
// Threads  Values.
// Example  if (code != SHOJI_OK) return Fail("save() of a legal key failed: " + message);
#ifndef SHOJI_VALIDATE_VERDICT_H_
#define SHOJI_VALIDATE_VERDICT_H_

#include <string>
#include <utility>

namespace shoji::validate {

enum class Outcome {
  kPass,
  kFail,
  kSkip,     // the plugin does not announce what the check is about, or the machine cannot
  kWarning,  // works, but users will suffer: slow, wasteful, unclear
};

struct Verdict {
  Outcome outcome = Outcome::kPass;
  std::string reason;  // one line; empty for a pass
};

inline Verdict Pass() { return {}; }
inline Verdict Fail(std::string reason) { return {Outcome::kFail, std::move(reason)}; }
inline Verdict Skip(std::string reason) { return {Outcome::kSkip, std::move(reason)}; }
inline Verdict Warn(std::string reason) { return {Outcome::kWarning, std::move(reason)}; }

}  // namespace shoji::validate

#endif  // SHOJI_VALIDATE_VERDICT_H_
