// What another process must know to reach, or take over, the agent's channel.
//
// Threads  Values.
// Example  const std::string blob = FormatState(state); ... ParseState(blob)
#ifndef SHOJI_KATAPROXYBUILTIN_STATE_H_
#define SHOJI_KATAPROXYBUILTIN_STATE_H_

#include <string>
#include <string_view>

#include "shoji/status.h"

namespace shoji::kataproxybuiltin {

struct ProxyState {
  std::string sandbox_id;
  std::string run_dir;    // holds proxy.sock and proxy.lock
  std::string agent_url;  // unix:///path

  std::string socket() const { return run_dir + "/proxy.sock"; }
  std::string lock() const { return run_dir + "/proxy.lock"; }
};

// Lines "name=value". Values have no line feed (CheckState).
std::string FormatState(const ProxyState& state);

// DATA_LOSS for anything FormatState() did not make.
Result<ProxyState> ParseState(std::string_view blob);

// INVALID_ARGUMENT unless every field can be used and kept.
Status CheckState(const ProxyState& state);

}  // namespace shoji::kataproxybuiltin

#endif  // SHOJI_KATAPROXYBUILTIN_STATE_H_
