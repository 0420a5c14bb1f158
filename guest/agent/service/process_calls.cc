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

// By number, when the request names the user.
Status PutUser(const Container& container, grpc::ExecProcessRequest* request) {
  if (!request->has_string_user()) return OkStatus();
  const std::string root = "/proc/" + std::to_string(container.init_pid()) + "/root";
  return LookUpUser(root, request->string_user(), request->mutable_process()->mutable_user());
}

// What the client gives up waiting for is killed.
void Exec(Sandbox* sandbox, grpc::ExecProcessRequest& request, const CallPtr& call) {
  if (!request.has_process()) return call->Finish(InvalidArgument("the process is missing"));
  const auto container = sandbox->Find(request.container_id());
  if (!container.ok()) return call->Finish(container.status());
  const Status put = PutUser(**container, &request);
  if (!put.ok()) return call->Finish(put);
  call->OnGone([sandbox, id = request.container_id(), exec_id = request.exec_id()] {
    const auto found = sandbox->Find(id);
    if (found.ok()) (*found)->GiveUpExec(exec_id, Cancelled("the client gave up"));
  });
  (*container)->Exec(request, [call](const Status& status) { call->Finish(status); });
}

}  // namespace

void RegisterProcessCalls(Server* server, Sandbox* sandbox) {
  server->Async<grpc::ExecProcessRequest>(
      Path("ExecProcess"),
      [sandbox](auto& request, const CallPtr& call) { Exec(sandbox, request, call); });
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
