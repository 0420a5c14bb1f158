// A check of the conformance kit, and what it looks at.
//
// Purpose  A check has a stable name, the number of its rule in docs/plugin-abi.md, and a
//          function that runs in a process of its own. When a check that it needs did not
//          pass, it is skipped: one defect is reported once.
// Threads  Constant while checks run.
// Example  for (const Check& check : AllChecks(target)) std::puts(check.name.c_str());
#ifndef SHOJI_VALIDATE_CHECK_H_
#define SHOJI_VALIDATE_CHECK_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "note.h"
#include "shoji/validate/verdict.h"

namespace shoji::validate {

struct Target {
  std::string path;
  std::optional<Note> note;                                  // when it can be read
  std::vector<std::pair<std::string, std::string>> options;  // given by the user
  std::uint64_t seed = 0;
  bool durable = true;  // what a store saves outlives the process
  // An empty directory for the check that runs; it is removed afterwards.
  std::string scratch;
  bool stop_on_crash = false;  // in one process with a debugger
};

struct Check {
  std::string name;
  std::string description;
  int rule = 0;
  std::string kind;  // empty: every plugin
  std::vector<std::string> needs;
  std::function<Verdict(const Target&)> run;
};

std::vector<Check> StaticChecks();
std::vector<Check> BootstrapChecks();
std::vector<Check> ProcessChecks();
std::vector<Check> TableChecks();
std::vector<Check> ErrorChecks();
std::vector<Check> StoreKindChecks();
std::vector<Check> HypervisorChecks();
std::vector<Check> FactoryChecks();
std::vector<Check> ShimChecks();
std::vector<Check> AgentChecks();
std::vector<Check> NetworkChecks();

// In the order in which they are reported.
std::vector<Check> AllChecks();

// The checks that others need.
inline constexpr char kIsElf[] = "elf-shared-object";
inline constexpr char kNotePresent[] = "note-present";
inline constexpr char kLoads[] = "plugin-loads";
inline constexpr char kOpens[] = "plugin-opens";
inline constexpr char kInterface[] = "interface-required";
inline constexpr char kTable[] = "table-slots";
inline constexpr char kInstance[] = "instance-opens";
// Filled from what all checks left behind, see runner.h.
inline constexpr char kLeavesNoProcess[] = "leaves-no-process";

}  // namespace shoji::validate

// Ends a check with "fail" unless `condition` holds.
#define KIT_EXPECT(condition, reason)                         \
  do {                                                        \
    if (!(condition)) return ::shoji::validate::Fail(reason); \
  } while (false)

// `KIT_ASSIGN(auto x, F());` assigns the value of a Result or ends the check with "fail".
#define KIT_ASSIGN(lhs, expr) KIT_ASSIGN_IMPL(SHOJI_STATUS_CONCAT(kit_result_, __LINE__), lhs, expr)
#define KIT_ASSIGN_IMPL(tmp, lhs, expr)                                  \
  auto tmp = (expr);                                                     \
  if (!tmp.ok()) return ::shoji::validate::Fail(tmp.status().message()); \
  lhs = std::move(tmp).value()

#endif  // SHOJI_VALIDATE_CHECK_H_
