#include "service/sandbox_calls.h"

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "service/devices.h"
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

// Disks among the storages.
std::vector<DeviceName> NamesOfDisks(const Storages::Requested& storages) {
  std::vector<DeviceName> names;
  for (const grpc::Storage& storage : storages) {
    if (DeviceFinder::Knows(storage.driver()))
      names.push_back({storage.driver(), storage.source()});
  }
  return names;
}

// The inverse: sources become nodes. Returns how many paths were taken.
std::ptrdiff_t PutDisks(const std::vector<std::string>& paths, Storages::Requested* storages) {
  auto path = paths.begin();
  for (grpc::Storage& storage : *storages) {
    if (DeviceFinder::Knows(storage.driver())) storage.set_source(*path++);
  }
  return path - paths.begin();
}

void CreateSandbox(Sandbox* sandbox, DeviceGate* gate, grpc::CreateSandboxRequest& request,
                   const CallPtr& call) {
  Status status = sandbox->CheckCreate();
  if (status.ok()) status = Storages::Check(request.storages());
  if (!status.ok()) return call->Finish(status);
  auto names = NamesOfDisks(request.storages());
  auto held = std::make_shared<grpc::CreateSandboxRequest>(std::move(request));
  gate->Pass(call, std::move(names), [sandbox, call, held](const auto& paths) {
    PutDisks(paths, held->mutable_storages());
    call->Finish(sandbox->Create(*held));
  });
}

Result<std::vector<DeviceName>> NamesOf(const grpc::CreateContainerRequest& request) {
  std::vector<DeviceName> names = NamesOfDisks(request.storages());
  SHOJI_ASSIGN_OR_RETURN(const auto devices, NamesOfDevices(request.devices()));
  names.insert(names.end(), devices.begin(), devices.end());
  return names;
}

Status PutAll(const DeviceFinder& finder, const std::vector<std::string>& paths,
              grpc::CreateContainerRequest* request) {
  const std::ptrdiff_t disks = PutDisks(paths, request->mutable_storages());
  return PutDevices(finder, {paths.begin() + disks, paths.end()}, request);
}

void CreateContainer(Sandbox* sandbox, DeviceGate* gate, const DeviceFinder* finder,
                     grpc::CreateContainerRequest& request, const CallPtr& call) {
  const Status status = sandbox->Check(request);
  if (!status.ok()) return call->Finish(status);
  auto names = NamesOf(request);
  if (!names.ok()) return call->Finish(names.status());
  auto held = std::make_shared<grpc::CreateContainerRequest>(std::move(request));
  gate->Pass(call, std::move(names).value(), [sandbox, finder, call, held](const auto& paths) {
    const Status put = PutAll(*finder, paths, held.get());
    if (!put.ok()) return call->Finish(put);
    call->OnGone([sandbox, id = held->container_id()] { sandbox->GiveUpCreate(id); });
    sandbox->CreateContainer(*held, [call](const Status& made) { call->Finish(made); });
  });
}

}  // namespace

void RegisterSandboxCalls(Loop* loop, Server* server, Sandbox* sandbox, DeviceGate* gate,
                          const DeviceFinder* finder) {
  server->Async<grpc::CreateSandboxRequest>(
      Path("CreateSandbox"),
      [=](auto& request, const CallPtr& call) { CreateSandbox(sandbox, gate, request, call); });
  server->Async<grpc::DestroySandboxRequest>(
      Path("DestroySandbox"), [sandbox](auto& /*request*/, const CallPtr& call) {
        sandbox->Destroy([call](const Status& status) { call->Finish(status); });
      });
  server->Async<grpc::CreateContainerRequest>(
      Path("CreateContainer"), [=](auto& request, const CallPtr& call) {
        CreateContainer(sandbox, gate, finder, request, call);
      });
  server->Async<grpc::RemoveContainerRequest>(Path("RemoveContainer"),
                                              [loop, sandbox](auto& request, const CallPtr& call) {
                                                RemoveContainer(loop, sandbox, request, call);
                                              });
  server->Async<grpc::StartContainerRequest>(
      Path("StartContainer"), [sandbox](auto& request, const CallPtr& call) {
        call->OnGone([sandbox, id = request.container_id()] { sandbox->GiveUpStart(id); });
        sandbox->StartContainer(request.container_id(),
                                [call](const Status& status) { call->Finish(status); });
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
