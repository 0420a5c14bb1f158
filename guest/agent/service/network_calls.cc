#include "service/network_calls.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/links.h"
#include "net/routes.h"
#include "shoji-kata/agent.pb.h"

namespace shoji::agent {
namespace {

std::string Path(const char* method) { return std::string("/grpc.AgentService/") + method; }

bool IsThere(const WantedLink& wanted) {
  auto socket = NetlinkSocket::Open();
  return socket.ok() && FindLink(&*socket, wanted).ok();
}

Status Configure(const WantedLink& wanted) {
  SHOJI_ASSIGN_OR_RETURN(NetlinkSocket socket, NetlinkSocket::Open());
  SHOJI_ASSIGN_OR_RETURN(const Link link, FindLink(&socket, wanted));
  return ConfigureLink(&socket, link, wanted);
}

// UpdateInterface, from the request to the answer.
class InterfaceUpdate {
 public:
  InterfaceUpdate(DeviceEvents* events, std::chrono::nanoseconds limit, CallPtr call,
                  types::Interface interface, WantedLink wanted)
      : events_(events),
        limit_(limit),
        call_(std::move(call)),
        interface_(std::move(interface)),
        wanted_(std::move(wanted)) {}

  // When its place on the bus is occupied, if the host named one.
  static void Go(const std::shared_ptr<InterfaceUpdate>& self) {
    if (IsThere(self->wanted_)) return self->Finish();
    DeviceEvents::Wait wait;
    wait.what = "network device " + LinkAddressText(self->wanted_.address);
    wait.check = [self] { return IsThere(self->wanted_); };
    wait.done = [self](const Status& status) {
      self->call_->OnGone(nullptr);
      status.ok() ? self->Finish() : self->Refuse(status);
    };
    const auto id = self->events_->Await(self->limit_, std::move(wait));
    self->call_->OnGone([events = self->events_, id] { events->Cancel(id); });
  }

 private:
  void Finish() {
    const Status status = Configure(wanted_);
    status.ok() ? call_->Reply(interface_) : call_->Finish(status);
  }
  void Refuse(const Status& status) {
    const bool late = status.code() == StatusCode::kDeadlineExceeded;
    call_->Finish(late ? NotFound("there is no " + status.message()) : status);
  }

  DeviceEvents* events_;
  std::chrono::nanoseconds limit_;
  CallPtr call_;
  types::Interface interface_;
  WantedLink wanted_;
};

void UpdateInterface(DeviceEvents* events, DeviceGate* gate, std::chrono::nanoseconds limit,
                     grpc::UpdateInterfaceRequest& request, const CallPtr& call) {
  if (!request.has_interface()) return call->Finish(InvalidArgument("the interface is missing"));
  auto wanted = ParseInterface(request.interface());
  if (!wanted.ok()) return call->Finish(wanted.status());
  std::vector<DeviceName> places;
  if (const std::string& place = request.interface().pcipath(); !place.empty()) {
    places.push_back({"net", place});
  }
  auto update = std::make_shared<InterfaceUpdate>(
      events, limit, call, std::move(*request.mutable_interface()), std::move(wanted).value());
  gate->Pass(call, std::move(places), [update](const auto&) { InterfaceUpdate::Go(update); });
}

Status ListInterfaces(grpc::Interfaces* reply) {
  SHOJI_ASSIGN_OR_RETURN(NetlinkSocket socket, NetlinkSocket::Open());
  SHOJI_ASSIGN_OR_RETURN(auto interfaces, DescribeInterfaces(&socket));
  for (types::Interface& interface : interfaces) *reply->add_interfaces() = std::move(interface);
  return OkStatus();
}

Status ListRoutes(grpc::Routes* reply) {
  SHOJI_ASSIGN_OR_RETURN(NetlinkSocket socket, NetlinkSocket::Open());
  SHOJI_ASSIGN_OR_RETURN(*reply, DescribeRoutes(&socket));
  return OkStatus();
}

Status UpdateRoutes(const grpc::UpdateRoutesRequest& request, grpc::Routes* reply) {
  if (!request.has_routes()) return InvalidArgument("the routes are missing");
  SHOJI_ASSIGN_OR_RETURN(NetlinkSocket socket, NetlinkSocket::Open());
  SHOJI_RETURN_IF_ERROR(ReplaceRoutes(&socket, request.routes()));
  *reply = request.routes();
  return OkStatus();
}

Status AddArpNeighbors(const grpc::AddARPNeighborsRequest& request) {
  if (!request.has_neighbors()) return InvalidArgument("the neighbours are missing");
  SHOJI_ASSIGN_OR_RETURN(NetlinkSocket socket, NetlinkSocket::Open());
  return AddNeighbors(&socket, request.neighbors());
}

}  // namespace

void RegisterNetworkCalls(Server* server, DeviceEvents* events, DeviceGate* gate,
                          std::chrono::nanoseconds limit) {
  server->Async<grpc::UpdateInterfaceRequest>(
      Path("UpdateInterface"), [events, gate, limit](auto& request, const CallPtr& call) {
        const Status needed = gate->Need("net");
        if (!needed.ok()) return call->Finish(needed);
        UpdateInterface(events, gate, limit, request, call);
      });
  server->Unary<grpc::ListInterfacesRequest, grpc::Interfaces>(
      Path("ListInterfaces"), [](const auto&, auto* reply) { return ListInterfaces(reply); });
  server->Unary<grpc::ListRoutesRequest, grpc::Routes>(
      Path("ListRoutes"), [](const auto&, auto* reply) { return ListRoutes(reply); });
  server->Unary<grpc::UpdateRoutesRequest, grpc::Routes>(Path("UpdateRoutes"), UpdateRoutes);
  server->Command<grpc::AddARPNeighborsRequest>(Path("AddARPNeighbors"), AddArpNeighbors);
}

}  // namespace shoji::agent
