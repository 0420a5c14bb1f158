// The agent: all services over one sandbox.
//
// Threads  The loop's.
// Example  auto agent = Agent::Create(&loop, &server, options, Machine{});
#ifndef SHOJI_GUEST_AGENT_SERVICE_AGENT_H_
#define SHOJI_GUEST_AGENT_SERVICE_AGENT_H_

#include <functional>
#include <memory>
#include <string>

#include "boot/command_line.h"
#include "loop/loop.h"
#include "rpc/server.h"
#include "service/machine.h"
#include "service/reaper.h"
#include "shoji/status.h"

namespace shoji::agent {

class Agent {
 public:
  // The loop and the server are borrowed and outlive the agent.
  static Result<std::unique_ptr<Agent>> Create(Loop* loop, Server* server, AgentOptions options,
                                               Machine machine);
  virtual ~Agent() = default;

  // `task` runs when the agent is asked to end (SIGTERM, SIGINT) and all containers are gone.
  virtual void OnTerminate(std::function<void()> task) = 0;

  // Collects the children of the whole program.
  virtual Reaper& reaper() = 0;
};

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_SERVICE_AGENT_H_
