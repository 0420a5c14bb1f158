#include "client.h"

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel_posix.h>

#include <chrono>
#include <utility>

#include "grpc_status.h"
#include "peer.h"
#include "shoji-cache/cache.grpc.pb.h"
#include "shoji/base/socket.h"

namespace shoji::cache {
namespace {

constexpr int kMibShift = 20;

std::unique_ptr<grpc::ClientContext> ContextFor(Deadline deadline) {
  auto context = std::make_unique<grpc::ClientContext>();
  if (deadline.never()) return context;
  const std::chrono::nanoseconds left(deadline.nanos() - Deadline::NowNanos());
  context->set_deadline(std::chrono::system_clock::now() +
                        std::chrono::duration_cast<std::chrono::microseconds>(left));
  return context;
}

}  // namespace

struct Client::Impl {
  Peer peer;
  Deadline deadline;
  std::unique_ptr<::cache::CacheService::Stub> stub;
};

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() = default;

Result<std::unique_ptr<Client>> Client::Connect(const std::string& socket_path, Deadline deadline) {
  auto connected = ConnectUnix(socket_path);
  if (!connected.ok()) {
    const StatusCode code = connected.status().code();
    if (code != StatusCode::kNotFound && code != StatusCode::kUnavailable) {
      return connected.status();
    }
    return Unavailable("no server keeps VMs ready at " + socket_path);
  }
  auto impl = std::make_unique<Impl>();
  impl->deadline = deadline;
  SHOJI_ASSIGN_OR_RETURN(impl->peer, PeerOf(connected->get()));
  if (!MayAsk(impl->peer)) {
    return PermissionDenied("the server at " + socket_path + " is of another user");
  }
  SHOJI_RETURN_IF_ERROR(SetNonBlocking(connected->get(), true));
  KeepGrpc();
  impl->stub = ::cache::CacheService::NewStub(
      grpc::CreateInsecureChannelFromFd("cache", connected->release()));
  return std::unique_ptr<Client>(new Client(std::move(impl)));
}

Result<Offer> Client::Config() {
  ::cache::GrpcVMConfig reply;
  const auto context = ContextFor(impl_->deadline);
  SHOJI_RETURN_IF_ERROR(FromGrpc(impl_->stub->Config(context.get(), ::cache::Empty(), &reply)));
  return Offer::FromJson(reply.data());
}

Result<Client::Given> Client::GetVm(const std::string& sandbox_dir) {
  ::cache::GetBaseVMRequest request;
  request.set_directory(sandbox_dir);
  ::cache::GrpcVM reply;
  const auto context = ContextFor(impl_->deadline);
  SHOJI_RETURN_IF_ERROR(FromGrpc(impl_->stub->GetBaseVM(context.get(), request, &reply)));
  return Given{reply.id(), reply.hypervisor()};
}

Result<Client::ServerStatus> Client::GetStatus() {
  ::cache::GrpcStatus reply;
  const auto context = ContextFor(impl_->deadline);
  SHOJI_RETURN_IF_ERROR(FromGrpc(impl_->stub->Status(context.get(), ::cache::Empty(), &reply)));
  ServerStatus out{reply.pid(), {}, reply.detail()};
  for (const auto& vm : reply.vmstatus()) {
    out.vms.push_back({vm.pid(), vm.cpu(), std::uint64_t{vm.memory()} << kMibShift});
  }
  return out;
}

Status Client::Quit() {
  ::cache::Empty reply;
  const auto context = ContextFor(impl_->deadline);
  return FromGrpc(impl_->stub->Quit(context.get(), ::cache::Empty(), &reply));
}

bool Client::shares_mounts() const { return SharesMounts(impl_->peer); }

}  // namespace shoji::cache
