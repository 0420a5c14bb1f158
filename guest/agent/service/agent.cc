#include "service/agent.h"

#include <utility>

#include "device/events.h"
#include "device/finder.h"
#include "device/gate.h"
#include "log.h"
#include "service/copy_file.h"
#include "service/guest_calls.h"
#include "service/health.h"
#include "service/hotplug_calls.h"
#include "service/network_calls.h"
#include "service/oom_events.h"
#include "service/process_calls.h"
#include "service/reaper.h"
#include "service/reports.h"
#include "service/sandbox.h"
#include "service/sandbox_calls.h"

namespace shoji::agent {
namespace {

class RealAgent final : public Agent {
 public:
  RealAgent(Loop* loop, AgentOptions options)
      : loop_(loop), options_(std::move(options)), events_(loop), oom_(loop) {}

  Status Open(Server* server, Machine machine) {
    SHOJI_ASSIGN_OR_RETURN(reaper_, Reaper::Create(loop_, [this] { Terminate(); }));
    const Context context{loop_, reaper_.get(), options_.container_pipe_size};
    const std::string sys = machine.devices.sys;
    finder_ = std::make_unique<DeviceFinder>(machine.devices);
    gate_ = std::make_unique<DeviceGate>(&events_, finder_.get(), options_.hotplug_timeout,
                                         machine.need);
    sandbox_ = std::make_unique<Sandbox>(context, std::move(machine), &oom_);
    RegisterHealth(server);
    RegisterGuestCalls(server, sys);
    RegisterTracing(server);
    RegisterNetworkCalls(server, &events_, gate_.get(), options_.hotplug_timeout);
    RegisterHotplugCalls(server, &events_, sys);
    RegisterSandboxCalls(loop_, server, sandbox_.get(), gate_.get(), finder_.get());
    server->Async<grpc::GetOOMEventRequest>(
        "/grpc.AgentService/GetOOMEvent",
        [this](const auto& /*request*/, const CallPtr& call) { oom_.Next(call); });
    RegisterProcessCalls(server, sandbox_.get());
    RegisterReports(server, sandbox_.get());
    RegisterCopyFile(server);
    return OkStatus();
  }

  void OnTerminate(std::function<void()> task) override { on_terminate_ = std::move(task); }
  Reaper& reaper() override { return *reaper_; }

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
  DeviceEvents events_;
  OomEvents oom_;
  std::unique_ptr<DeviceFinder> finder_;
  std::unique_ptr<DeviceGate> gate_;
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
