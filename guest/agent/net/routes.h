// The guest's routes and its table of neighbours.
//
// Threads  One at a time.
// Example  SHOJI_RETURN_IF_ERROR(ReplaceRoutes(&socket, request.routes()));
#ifndef SHOJI_GUEST_AGENT_NET_ROUTES_H_
#define SHOJI_GUEST_AGENT_NET_ROUTES_H_

#include "net/netlink.h"
#include "shoji-kata/agent.pb.h"
#include "shoji/status.h"

namespace shoji::agent {

// The unicast routes of the main table, those that the kernel made too.
Result<grpc::Routes> DescribeRoutes(NetlinkSocket* socket);

// Afterwards the guest has these routes, those of lo and those the kernel makes for addresses,
// and no other. Nothing is changed for a request that makes no sense; when the kernel refuses a
// route the message says which ones there are then.
Status ReplaceRoutes(NetlinkSocket* socket, const grpc::Routes& wanted);

// All are looked at before the first is added.
Status AddNeighbors(NetlinkSocket* socket, const grpc::ARPNeighbors& neighbors);

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_NET_ROUTES_H_
