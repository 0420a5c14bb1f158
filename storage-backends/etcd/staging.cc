#include "staging.h"

#include <algorithm>

#include "shoji-etcd/rpc.pb.h"
#include "shoji/base/deadline.h"

namespace shoji::etcd {
namespace {

// What etcd adds to a request before it compares it with its limit, and then some.
constexpr std::uint64_t kRequestReserve = 2048;
// Giving a lease back is a courtesy; a server that does not answer will end it by itself.
constexpr std::chrono::milliseconds kRevokeLimit{500};

}  // namespace

std::uint64_t RequestBudget(const Settings& settings) {
  return settings.max_request_bytes - kRequestReserve;
}

Staging::~Staging() {
  if (lease_ == 0) return;
  shoji_call call{};
  call.struct_size = sizeof(call);
  call.cancel_fd = -1;
  call.deadline_ns = Deadline::After(kRevokeLimit).nanos();
  etcdserverpb::LeaseRevokeRequest request;
  request.set_id(lease_);
  etcdserverpb::LeaseRevokeResponse reply;
  (void)rpc_->Call(kLeaseRevoke, &call, request, &reply);
}

Status Staging::TakeLease() {
  if (lease_ != 0) return OkStatus();
  etcdserverpb::LeaseGrantRequest request;
  request.set_ttl(rpc_->settings().staging_time.count());
  etcdserverpb::LeaseGrantResponse reply;
  SHOJI_RETURN_IF_ERROR(rpc_->Call(kLeaseGrant, call_, request, &reply));
  if (!reply.error().empty()) return Unavailable("etcd gives no lease: " + reply.error());
  lease_ = reply.id();
  return OkStatus();
}

Result<Pieces> Staging::Upload(std::string_view value) {
  SHOJI_RETURN_IF_ERROR(TakeLease());
  Pieces pieces;
  SHOJI_ASSIGN_OR_RETURN(pieces.generation, NewGeneration());
  const std::size_t room =
      RequestBudget(rpc_->settings()) - layout_->Piece(pieces.generation, 0).size();
  etcdserverpb::PutRequest request;
  request.set_lease(lease_);
  for (std::size_t at = 0; at < value.size(); at += room) {
    request.set_key(layout_->Piece(pieces.generation, pieces.count++));
    request.set_value(value.data() + at, std::min(room, value.size() - at));
    etcdserverpb::PutResponse reply;
    SHOJI_RETURN_IF_ERROR(rpc_->Call(kPut, call_, request, &reply));
  }
  return pieces;
}

}  // namespace shoji::etcd
