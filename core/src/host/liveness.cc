#include "host/liveness.h"

#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji {
namespace {

// Fields of /proc/<pid>/stat after the name, which may itself hold spaces and brackets.
constexpr std::size_t kState = 0;
constexpr std::size_t kStartTime = 19;

}  // namespace

Result<std::uint64_t> StartTicks(std::int32_t pid, bool also_ended) {
  const std::string name = "process " + std::to_string(pid);
  const auto text = ReadFile("/proc/" + std::to_string(pid) + "/stat", 4096);
  if (!text.ok()) return NotFound(name + " does not exist");
  const std::size_t end = text->rfind(") ");
  if (end == std::string::npos) return Internal("cannot read /proc/<pid>/stat of " + name);
  const auto fields = Split(std::string_view(*text).substr(end + 2), ' ');
  if (fields.size() <= kStartTime) return Internal("/proc/<pid>/stat of " + name + " is short");
  const bool ended = fields[kState] == "Z" || fields[kState] == "X";
  if (ended && !also_ended) return NotFound(name + " has ended");
  SHOJI_ASSIGN_OR_RETURN(const std::int64_t ticks, ParseInt(fields[kStartTime]));
  return static_cast<std::uint64_t>(ticks);
}

bool IsAlive(const ProcessId& process) {
  const auto ticks = StartTicks(process.pid);
  return ticks.ok() && *ticks == process.start_ticks;
}

std::vector<ProcessId> Identify(const std::vector<std::int32_t>& pids) {
  std::vector<ProcessId> out;
  for (const std::int32_t pid : pids) {
    if (const auto ticks = StartTicks(pid); ticks.ok()) out.push_back({pid, *ticks});
  }
  return out;
}

}  // namespace shoji
