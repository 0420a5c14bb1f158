#include "oci/signal_name.h"

#include <cctype>
#include <csignal>
#include <cstring>

#include "shoji/base/strings.h"

namespace shoji::cli {
namespace {

std::string Upper(const std::string& word) {
  std::string out;
  for (const char c : word) {
    out += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return out.rfind("SIG", 0) == 0 ? out.substr(3) : out;
}

// Of "RTMIN+3" and "RTMAX-1"; 0: it is no such name.
int RealTime(const std::string& name) {
  const bool low = name.rfind("RTMIN", 0) == 0;
  if (!low && name.rfind("RTMAX", 0) != 0) return 0;
  const std::string rest = name.substr(5);
  if (rest.empty()) return low ? SIGRTMIN : SIGRTMAX;
  const auto offset = ParseInt(std::string_view(rest).substr(1));
  if (rest[0] != (low ? '+' : '-') || !offset.ok() || *offset < 0) return 0;
  if (*offset > SIGRTMAX - SIGRTMIN) return 0;
  return low ? SIGRTMIN + static_cast<int>(*offset) : SIGRTMAX - static_cast<int>(*offset);
}

int Named(const std::string& name) {
  for (int signal = 1; signal < SIGRTMIN; ++signal) {
    const char* const known = sigabbrev_np(signal);
    if (known != nullptr && name == known) return signal;
  }
  return name == "IOT" ? SIGABRT : RealTime(name);
}

}  // namespace

Result<int> ParseSignal(const std::string& word) {
  if (const auto number = ParseInt(word); number.ok()) {
    if (*number >= 1 && *number <= SIGRTMAX) return static_cast<int>(*number);
  } else if (const int signal = Named(Upper(word)); signal != 0) {
    return signal;
  }
  return InvalidArgument("unknown signal `" + word + "`; give a name as TERM, or 1 to " +
                         std::to_string(SIGRTMAX));
}

}  // namespace shoji::cli
