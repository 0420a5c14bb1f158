#include "process_usage.h"

#include <unistd.h>

#include <sstream>

#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji::cli {
namespace {

constexpr std::size_t kUserTime = 11;  // index behind the name, of utime; stime follows
constexpr std::uint64_t kNanos = 1'000'000'000;

Result<std::uint64_t> Pss(const std::string& dir) {
  SHOJI_ASSIGN_OR_RETURN(const std::string text, ReadFile(dir + "/smaps_rollup"));
  for (const std::string& line : Split(text, '\n')) {
    if (line.rfind("Pss:", 0) != 0) continue;
    std::istringstream rest(line.substr(4));
    std::uint64_t kib = 0;
    rest >> kib;
    return kib << 10U;
  }
  return NotFound(dir + " has ended");  // a zombie: its memory is gone
}

}  // namespace

Result<ProcessUsage> ReadProcessUsage(const std::string& prefix, std::int32_t pid) {
  const std::string dir = prefix + "/proc/" + std::to_string(pid);
  SHOJI_ASSIGN_OR_RETURN(const std::string stat, ReadFile(dir + "/stat"));
  // "12 (any) name) S 1 ...": the name may hold anything.
  const std::size_t open = stat.find('(');
  const std::size_t close = stat.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close + 2 > stat.size()) {
    return DataLoss(dir + "/stat cannot be read: \"" + stat + "\"");
  }
  const std::vector<std::string> fields = Split(stat.substr(close + 2), ' ');
  if (fields.size() < kUserTime + 2) return DataLoss(dir + "/stat is too short");
  ProcessUsage usage;
  usage.name = stat.substr(open + 1, close - open - 1);
  SHOJI_ASSIGN_OR_RETURN(const std::int64_t user, ParseInt(fields[kUserTime]));
  SHOJI_ASSIGN_OR_RETURN(const std::int64_t system, ParseInt(fields[kUserTime + 1]));
  const auto per_second = static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
  usage.cpu_ns = static_cast<std::uint64_t>(user + system) * (kNanos / per_second);
  SHOJI_ASSIGN_OR_RETURN(usage.pss_bytes, Pss(dir));
  return usage;
}

}  // namespace shoji::cli
