#include "host/guest.h"

#include <sys/resource.h>

#include <csignal>
#include <memory>
#include <utility>

#include "boot/command_line.h"
#include "channel/socket_listener.h"
#include "channel/yamux_listener.h"
#include "host/process_limits.h"
#include "host/world.h"
#include "log.h"
#include "loop/loop.h"
#include "rpc/server.h"
#include "service/agent.h"
#include "shoji-kata/agent.pb.h"

namespace shoji::agent {
namespace {

// The clock is the machine's and right; who sets a guest's clock must not move it.
void LeaveClockAlone(Server* server) {
  server->Command<grpc::SetGuestDateTimeRequest>("/grpc.AgentService/SetGuestDateTime",
                                                 [](const auto&) { return OkStatus(); });
}

void UseOptions(const AgentOptions& options) {
  SetLogLevel(options.log_level);
  for (const std::string& word : options.complaints) {
    Log(LogLevel::kWarning, "option " + word + " makes no sense, left out");
  }
  const rlimit no_limit{RLIM_INFINITY, RLIM_INFINITY};
  if (options.devmode) setrlimit(RLIMIT_CORE, &no_limit);
}

// Everything that lives as long as the agent serves.
struct Parts {
  std::unique_ptr<Loop> loop;
  Server server;
  std::unique_ptr<Agent> agent;
  // One of the two.
  std::unique_ptr<YamuxListener> serial;
  std::unique_ptr<SocketListener> hybrid;
};

Status Listen(const HostOptions& options, Parts* parts) {
  UniqueFd socket(options.agent_fd);
  Loop* const loop = parts->loop.get();
  if (options.agent_port == 0) {
    SHOJI_ASSIGN_OR_RETURN(parts->serial,
                           YamuxListener::Serve(loop, &parts->server, std::move(socket)));
  } else {
    SHOJI_ASSIGN_OR_RETURN(
        parts->hybrid,
        SocketListener::Serve(loop, &parts->server, std::move(socket), options.agent_port));
  }
  return OkStatus();
}

Status Build(const HostOptions& options, Parts* parts) {
  SHOJI_RETURN_IF_ERROR(EnterWorld(options));
  const AgentOptions words = ParseCommandLine(options.words);
  UseOptions(words);
  SHOJI_ASSIGN_OR_RETURN(parts->loop, Loop::Create());
  Loop* const loop = parts->loop.get();
  SHOJI_ASSIGN_OR_RETURN(parts->agent, Agent::Create(loop, &parts->server, words, Machine{}));
  parts->agent->OnTerminate([loop] { loop->Stop(); });
  LeaveClockAlone(&parts->server);
  if (!MayRaiseLimits()) LowerLimits(&parts->server);
  return Listen(options, parts);
}

}  // namespace

Status RunGuest(const HostOptions& options, const std::function<Status(const Status&)>& ready) {
  // A handler and not SIG_IGN: processes in containers would inherit the latter.
  signal(SIGPIPE, [](int) {});
  Parts parts;
  const Status built = Build(options, &parts);
  SHOJI_RETURN_IF_ERROR(ready(built));
  SHOJI_RETURN_IF_ERROR(built);
  return parts.loop->Run();
}

}  // namespace shoji::agent
