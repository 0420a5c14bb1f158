// The optional interface "network" of an agent.
#include "agent.h"
#include "network_json.h"
#include "shoji-kata/agent.pb.h"

namespace shoji::agent_kata {

namespace {

// After one of these nobody is there to be asked, or no time to.
bool CannotAsk(StatusCode code) {
  return code == StatusCode::kUnavailable || code == StatusCode::kDeadlineExceeded ||
         code == StatusCode::kCancelled;
}

}  // namespace

Result<std::string> KataAgent::UpdateInterface(const shoji_call* call, std::string_view json) {
  grpc::UpdateInterfaceRequest message;
  SHOJI_RETURN_IF_ERROR(InterfaceFromJson(json, message.mutable_interface()));
  types::Interface reply;
  SHOJI_RETURN_IF_ERROR(rpc_.Call("grpc.AgentService/UpdateInterface", call, message, &reply));
  return ToJson(reply);
}

// An agent of Kata's answers with what it was asked for, and over gRPC with nothing at all when
// it failed half way: so the guest is asked what it has now.
sdk::RoutesUpdate KataAgent::UpdateRoutes(const shoji_call* call, std::string_view json) {
  grpc::UpdateRoutesRequest message;
  if (Status read = RoutesFromJson(json, message.mutable_routes()); !read.ok()) return {read, ""};
  grpc::Routes reply;
  Status status = rpc_.Call("grpc.AgentService/UpdateRoutes", call, message, &reply);
  if (CannotAsk(status.code())) return {std::move(status), ""};
  grpc::Routes now;
  const Status listed =
      rpc_.Call("grpc.AgentService/ListRoutes", call, grpc::ListRoutesRequest(), &now);
  if (listed.ok()) return {std::move(status), ToJson(now)};
  return {std::move(status), status.ok() ? ToJson(reply) : ""};
}

Result<std::string> KataAgent::ListInterfaces(const shoji_call* call) {
  grpc::Interfaces reply;
  SHOJI_RETURN_IF_ERROR(
      rpc_.Call("grpc.AgentService/ListInterfaces", call, grpc::ListInterfacesRequest(), &reply));
  return ToJson(reply);
}

Result<std::string> KataAgent::ListRoutes(const shoji_call* call) {
  grpc::Routes reply;
  SHOJI_RETURN_IF_ERROR(
      rpc_.Call("grpc.AgentService/ListRoutes", call, grpc::ListRoutesRequest(), &reply));
  return ToJson(reply);
}

Status KataAgent::AddNeighbors(const shoji_call* call, std::string_view json) {
  grpc::AddARPNeighborsRequest message;
  SHOJI_RETURN_IF_ERROR(NeighborsFromJson(json, message.mutable_neighbors()));
  return Do("grpc.AgentService/AddARPNeighbors", call, message);
}

}  // namespace shoji::agent_kata
