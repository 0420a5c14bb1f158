#include "service/process_calls.h"

#include <algorithm>
#include <string>
#include <utility>

#include "service/user_lookup.h"
#include "shoji-kata/agent.pb.h"

namespace shoji::agent {
namespace {

std::string Path(const char* method) { return std::string("/grpc.AgentService/") + method; }

// The process a request names.
template <typename Request>
Result<Process*> FindProcess(Sandbox* sandbox, const Request& request) {
  SHOJI_ASSIGN_OR_RETURN(Container * container, sandbox->Find(request.container_id()));
  return container->Find(request.exec_id());
}

void RegisterStdio(Server* server, Sandbox* sandbox) {
  server->Async<grpc::ReadStreamRequest>(Path("ReadStdout"),
                                         [sandbox](auto& request, const CallPtr& call) {
                                           const auto process = FindProcess(sandbox, request);
                                           if (!process.ok()) return call->Finish(process.status());
                                           (*process)->out().Read(call, request.len());
                                         });
  server->Async<grpc::ReadStreamRequest>(Path("ReadStderr"),
                                         [sandbox](auto& request, const CallPtr& call) {
                                           const auto process = FindProcess(sandbox, request);
                                           if (!process.ok()) return call->Finish(process.status());
                                           (*process)->err().Read(call, request.len());
                                         });
  server->Async<grpc::WriteStreamRequest>(
      Path("WriteStdin"), [sandbox](auto& request, const CallPtr& call) {
        const auto process = FindProcess(sandbox, request);
        if (!process.ok()) return call->Finish(process.status());
        (*process)->in().Write(call, std::move(*request.mutable_data()));
      });
  server->Command<grpc::CloseStdinRequest>(
      Path("CloseStdin"), [sandbox](const auto& request) -> Status {
        SHOJI_ASSIGN_OR_RETURN(Process * process, FindProcess(sandbox, request));
        process->in().Close();
        return OkStatus();
      });
  server->Command<grpc::TtyWinResizeRequest>(
      Path("TtyWinResize"), [sandbox](const auto& request) -> Status {
        SHOJI_ASSIGN_OR_RETURN(Process * process, FindProcess(sandbox, request));
        return process->Resize(request.row(), request.column());
      });
}

}  // namespace

void RegisterProcessCalls(Server* server, Sandbox* sandbox) {
  server->Command<grpc::ExecProcessRequest>(
      Path("ExecProcess"), [sandbox](const auto& request) -> Status {
        if (!request.has_process()) return InvalidArgument("the process is missing");
        SHOJI_ASSIGN_OR_RETURN(Container * container, sandbox->Find(request.container_id()));
        if (!request.has_string_user()) return container->Exec(request);
        grpc::ExecProcessRequest numeric = request;
        const std::string root = "/proc/" + std::to_string(container->init_pid()) + "/root";
        SHOJI_RETURN_IF_ERROR(
            LookUpUser(root, request.string_user(), numeric.mutable_process()->mutable_user()));
        return container->Exec(numeric);
      });
  server->Command<grpc::SignalProcessRequest>(
      Path("SignalProcess"), [sandbox](const auto& request) -> Status {
        SHOJI_ASSIGN_OR_RETURN(Container * container, sandbox->Find(request.container_id()));
        const auto signal = static_cast<int>(std::min(request.signal(), 1000U));
        return container->Signal(request.exec_id(), signal);
      });
  server->Async<grpc::WaitProcessRequest>(
      Path("WaitProcess"), [sandbox](auto& request, const CallPtr& call) {
        const auto container = sandbox->Find(request.container_id());
        if (!container.ok()) return call->Finish(container.status());
        (*container)->Wait(request.exec_id(), call);
      });
  RegisterStdio(server, sandbox);
}

}  // namespace shoji::agent
