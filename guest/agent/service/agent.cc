#include "service/agent.h"

#include <utility>

#include "log.h"
#include "service/copy_file.h"
#include "service/guest_calls.h"
#include "service/health.h"
#include "service/process_calls.h"
#include "service/reaper.h"
#include "service/reports.h"
#include "service/sandbox.h"
#include "service/sandbox_calls.h"

namespace shoji::agent {
namespace {

class RealAgent final : public Agent {
 public:
  RealAgent(Loop* loop, AgentOptions options) : loop_(loop), options_(std::move(options)) {}

  Status Open(Server* server, Machine machine) {
    SHOJI_ASSIGN_OR_RETURN(reaper_, Reaper::Create(loop_, [this] { Terminate(); }));
    const Context context{loop_, reaper_.get(), options_.container_pipe_size};
    sandbox_ = std::make_unique<Sandbox>(context, std::move(machine));
    RegisterHealth(server);
    RegisterGuestCalls(server);
    RegisterSandboxCalls(loop_, server, sandbox_.get());
    RegisterProcessCalls(server, sandbox_.get());
    RegisterReports(server, sandbox_.get());
    RegisterCopyFile(server);
    return OkStatus();
  }

  void OnTerminate(std::function<void()> task) override { on_terminate_ = std::move(task); }

 private:
  void Terminate() {
    if (!on_terminate_) return;  // PID 1 does not end
    sandbox_->Destroy([this](const Status& status) {
      if (!status.ok()) Log(LogLevel::kError, status.message());
      on_terminate_();
    });
  }

  Loop* loop_;
  AgentOptions options_;
  std::function<void()> on_terminate_;
  std::unique_ptr<Reaper> reaper_;
  std::unique_ptr<Sandbox> sandbox_;
};

}  // namespace

Result<std::unique_ptr<Agent>> Agent::Create(Loop* loop, Server* server, AgentOptions options,
                                             Machine machine) {
  auto agent = std::make_unique<RealAgent>(loop, std::move(options));
  SHOJI_RETURN_IF_ERROR(agent->Open(server, std::move(machine)));
  return std::unique_ptr<Agent>(std::move(agent));
}

}  // namespace shoji::agent
