// What another process must know to use, or end, the proxy of a sandbox.
//
// Threads  Values.
// Example  const std::string blob = FormatState(state); ... ParseState("kataproxy", blob)
#ifndef SHOJI_PROXIES_COMMON_STATE_H_
#define SHOJI_PROXIES_COMMON_STATE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "shoji/status.h"

namespace shoji::proxies {

struct ProxyState {
  std::string sandbox_id;
  std::string run_dir;      // holds socket, lock and log
  std::string agent_url;    // unix:///path
  std::string console_url;  // unix:///path of what the proxy logs, or empty
  std::string program;
  std::int32_t pid = 0;
  std::uint64_t start_ticks = 0;  // with pid: this process and no later one of that number
  std::string plugin;             // its id

  std::string socket() const { return run_dir + "/proxy.sock"; }
  std::string lock() const { return run_dir + "/proxy.lock"; }
  std::string log() const { return run_dir + "/proxy.log"; }
};

std::string FormatState(const ProxyState& state);

// DATA_LOSS for anything FormatState() did not make for that plugin.
Result<ProxyState> ParseState(const std::string& plugin, std::string_view blob);

// INVALID_ARGUMENT unless a proxy can be started with it, and it can be kept.
Status CheckState(const ProxyState& state);

}  // namespace shoji::proxies

#endif  // SHOJI_PROXIES_COMMON_STATE_H_
