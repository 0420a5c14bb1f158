// For people who look into a guest: the agent's log and a shell, where the options say so.
//
// Purpose  agent.log_vport: who connects gets the last log lines and then each new one.
//          agent.debug_console: a shell on /dev/console, again when it has ended.
//          agent.debug_console_vport: a shell without a terminal for each connection.
// Threads  The loop's.
// Bounds   64 KiB of log are kept; a client that does not read loses lines; 8 clients of each.
// Example  DebugServices debug(&loop, &agent->reaper()); debug.Start(options);
#ifndef SHOJI_GUEST_AGENT_BOOT_DEBUG_SERVICES_H_
#define SHOJI_GUEST_AGENT_BOOT_DEBUG_SERVICES_H_

#include <cstdint>
#include <list>
#include <set>
#include <string>
#include <string_view>

#include "boot/command_line.h"
#include "loop/loop.h"
#include "service/reaper.h"
#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::agent {

class DebugServices {
 public:
  static constexpr std::size_t kMaxClients = 8;
  static constexpr std::size_t kKeptLog = 64U << 10U;

  DebugServices(Loop* loop, Reaper* reaper) : loop_(loop), reaper_(reaper) {}
  ~DebugServices();
  DebugServices(const DebugServices&) = delete;
  DebugServices& operator=(const DebugServices&) = delete;

  // The first failure is told; the others are started all the same.
  Status Start(const AgentOptions& options);

  // On sockets that listen already.
  Status ServeLog(UniqueFd socket);
  Status ServeShells(UniqueFd socket);

 private:
  Status StartConsole();
  Status RunShell(int in_out, const char* open_path, std::function<void()> on_exit);
  void AcceptLogClient();
  void AcceptShellClient();
  void OnLogLine(std::string_view line);

  Loop* loop_;
  Reaper* reaper_;
  UniqueFd log_socket_;
  UniqueFd shell_socket_;
  std::string log_;
  std::list<UniqueFd> log_clients_;
  std::set<pid_t> shells_;
};

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_BOOT_DEBUG_SERVICES_H_
