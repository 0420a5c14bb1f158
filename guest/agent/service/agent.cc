#include "service/agent.h"

#include "service/health.h"

namespace shoji::agent {
namespace {

class RealAgent final : public Agent {
 public:
  void OnTerminate(std::function<void()> task) override { on_terminate_ = std::move(task); }

 private:
  std::function<void()> on_terminate_;
};

}  // namespace

Result<std::unique_ptr<Agent>> Agent::Create(Loop* /*l*/, Server* server, AgentOptions /*o*/,
                                             std::function<Status()> /*p*/) {
  RegisterHealth(server);
  return std::unique_ptr<Agent>(new RealAgent);
}

}  // namespace shoji::agent
