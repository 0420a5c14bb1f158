// Between the errors of gRPC and ours: the codes are the same.
//
// Threads  Safe.
// Example  return ToGrpc(NotFound("all VMs that waited are taken"));
#ifndef SHOJI_FACTORIES_CACHE_GRPC_STATUS_H_
#define SHOJI_FACTORIES_CACHE_GRPC_STATUS_H_

#include <grpc/grpc.h>
#include <grpcpp/support/status.h>

#include <string>

#include "shoji/status.h"

namespace shoji::cache {

inline grpc::Status ToGrpc(const Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

inline Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return OkStatus();
  const int code = static_cast<int>(status.error_code());
  const bool known = code > 0 && code <= static_cast<int>(StatusCode::kUnauthenticated);
  std::string text = status.error_message();
  for (char& c : text) {
    if (c == '\n' || c == '\r') c = ' ';  // one line
  }
  return {known ? static_cast<StatusCode>(code) : StatusCode::kUnknown,
          text.empty() ? "the server of waiting VMs gave no reason" : text};
}

// gRPC's last user would wait for its helper threads when it leaves. So there is always one user
// more; the plugin is linked as one that is never unloaded.
inline void KeepGrpc() {
  static const bool kept = (grpc_init(), true);
  static_cast<void>(kept);
}

}  // namespace shoji::cache

#endif  // SHOJI_FACTORIES_CACHE_GRPC_STATUS_H_
