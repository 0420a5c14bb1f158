// Interfaces, routes and neighbours: JSON with the field names of types.proto, and messages.
//
// Purpose  Writing gives every field; reading takes what is there. The family of an address is
//          "v4" or "v6"; 0 and 1, their numbers on the wire, are read too.
// Errors   INVALID_ARGUMENT naming the path: "routes[1].dest is a number, expected a string".
// Threads  Safe.
// Example  SHOJI_RETURN_IF_ERROR(InterfaceFromJson(json, message.mutable_interface()));
#ifndef SHOJI_AGENT_KATA_NETWORK_JSON_H_
#define SHOJI_AGENT_KATA_NETWORK_JSON_H_

#include <string>
#include <string_view>

#include "shoji-kata/agent.pb.h"
#include "shoji-kata/types.pb.h"
#include "shoji/status.h"

namespace shoji::agent_kata {

Status InterfaceFromJson(std::string_view json, types::Interface* out);
// Arrays.
Status RoutesFromJson(std::string_view json, grpc::Routes* out);
Status NeighborsFromJson(std::string_view json, grpc::ARPNeighbors* out);

std::string ToJson(const types::Interface& interface);
std::string ToJson(const grpc::Interfaces& interfaces);
std::string ToJson(const grpc::Routes& routes);

}  // namespace shoji::agent_kata

#endif  // SHOJI_AGENT_KATA_NETWORK_JSON_H_
