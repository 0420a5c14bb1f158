#include "service/sandbox_calls.h"

#include <chrono>
#include <memory>
#include <string>

#include "shoji-kata/agent.pb.h"

namespace shoji::agent {
namespace {

std::string Path(const char* method) { return std::string("/grpc.AgentService/") + method; }

// The removal goes on after the time limit; a later call joins it.
void RemoveContainer(Loop* loop, Sandbox* sandbox, const grpc::RemoveContainerRequest& request,
                     const CallPtr& call) {
  auto timer = std::make_shared<Loop::TimerId>(0);
  if (request.timeout() > 0) {
    *timer = loop->After(
        std::chrono::seconds(request.timeout()),
        [call, id = request.container_id(), seconds = request.timeout()] {
          call->Finish(DeadlineExceeded("container " + id + " was not removed within " +
                                        std::to_string(seconds) + " s; its processes do not end"));
        });
  }
  sandbox->RemoveContainer(request.container_id(), [loop, timer, call](const Status& status) {
    loop->CancelTimer(*timer);
    call->Finish(status);
  });
}

}  // namespace

void RegisterSandboxCalls(Loop* loop, Server* server, Sandbox* sandbox) {
  server->Command<grpc::CreateSandboxRequest>(
      Path("CreateSandbox"), [sandbox](const auto& request) { return sandbox->Create(request); });
  server->Async<grpc::DestroySandboxRequest>(
      Path("DestroySandbox"), [sandbox](auto& /*request*/, const CallPtr& call) {
        sandbox->Destroy([call](const Status& status) { call->Finish(status); });
      });
  server->Command<grpc::CreateContainerRequest>(
      Path("CreateContainer"),
      [sandbox](const auto& request) { return sandbox->CreateContainer(request); });
  server->Async<grpc::RemoveContainerRequest>(Path("RemoveContainer"),
                                              [loop, sandbox](auto& request, const CallPtr& call) {
                                                RemoveContainer(loop, sandbox, request, call);
                                              });
  server->Command<grpc::StartContainerRequest>(
      Path("StartContainer"), [sandbox](const auto& request) -> Status {
        SHOJI_ASSIGN_OR_RETURN(Container * container, sandbox->Find(request.container_id()));
        return container->Start();
      });
  server->Command<grpc::PauseContainerRequest>(
      Path("PauseContainer"), [sandbox](const auto& request) -> Status {
        SHOJI_ASSIGN_OR_RETURN(Container * container, sandbox->Find(request.container_id()));
        return container->Pause();
      });
  server->Command<grpc::ResumeContainerRequest>(
      Path("ResumeContainer"), [sandbox](const auto& request) -> Status {
        SHOJI_ASSIGN_OR_RETURN(Container * container, sandbox->Find(request.container_id()));
        return container->Resume();
      });
  server->Command<grpc::UpdateContainerRequest>(
      Path("UpdateContainer"), [sandbox](const auto& request) -> Status {
        SHOJI_ASSIGN_OR_RETURN(Container * container, sandbox->Find(request.container_id()));
        return container->Update(request.resources());
      });
}

}  // namespace shoji::agent
